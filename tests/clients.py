"""Generates the tables of docs/reference/clients.md by sending requests with each API's own SDK: `python -m tests.clients`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import openai

from proxy.sandbox.scenario import Fault
from tests.running import RunningSidecar, run_sidecar
from tests.six_providers import PROVIDERS, six_providers

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "clients.md"
START, END = "<!-- clients: written by `make clients` -->\n", "<!-- end -->\n"

YES, NO, FAILED = "yes", "no", "FAILED"
"""The last one: the request was served, but not as the client expects."""
MARK = "marked_4242"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGPQ6w4HAAH7ARF0JhTpAAAAAElFTkSuQmCC"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {MARK: {"type": "string"}},
    "required": [MARK],
    "additionalProperties": False,
}
ASK = "Ask get_weather"


@dataclass(frozen=True, slots=True)
class Client:
    """A client of one API, all of whose requests go to one provider."""

    sidecar: RunningSidecar
    provider: str
    sdk: Any

    @property
    def sent(self) -> bytes:
        """The body of the last request that the provider received."""
        return self.sidecar.sandbox.requests(self.provider)[-1].body

    @property
    def status_error(self) -> type[Exception]:
        """What the SDK raises for a 429."""
        is_openai = isinstance(self.sdk, openai.AsyncOpenAI)
        return openai.RateLimitError if is_openai else anthropic.RateLimitError


Send = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Api:
    """How the same things are said in one API."""

    name: str
    send: Callable[[Client, Any], Send]
    """Returns the SDK's function for a request, and takes the text or the list of the input."""
    text: Callable[[Any], str]
    streamed_text: Callable[[Any], str]
    """The text of one event of a stream."""
    tools: Mapping[str, Any]
    call: Callable[[Any], Any]
    """The tool call in an answer."""
    result: Callable[[Any, Any], list[Any]]
    """What follows the question: the answer with the call, and the result."""
    schema: Mapping[str, Any]
    reasoning: Mapping[str, Any]
    image: Mapping[str, Any]


def _user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def _messages(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [_user(value)]


def _chat_result(answer: Any, call: Any) -> list[Any]:
    message = answer.choices[0].message.model_dump(exclude_none=True)
    return [message, {"role": "tool", "tool_call_id": call.id, "content": MARK}]


def _delta(chunk: Any) -> str:
    return (chunk.choices[0].delta.content or "") if chunk.choices else ""


_FUNCTION = {"name": "get_weather", "description": "Weather", "parameters": SCHEMA}

CHAT = Api(
    name="OpenAI Chat",
    send=lambda client, value: _with(client.sdk.chat.completions.create, messages=_messages(value)),
    text=lambda answer: answer.choices[0].message.content,
    streamed_text=_delta,
    tools={"tools": [{"type": "function", "function": _FUNCTION}]},
    call=lambda answer: answer.choices[0].message.tool_calls[0],
    result=_chat_result,
    schema={
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
    },
    reasoning={"reasoning_effort": "high"},
    image={"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
)

RESPONSES = Api(
    name="OpenAI Responses",
    send=lambda client, value: _with(client.sdk.responses.create, input=value),
    text=lambda answer: answer.output_text,
    streamed_text=lambda event: event.delta if event.type == "response.output_text.delta" else "",
    tools={"tools": [{"type": "function", "strict": False, **_FUNCTION}]},
    call=lambda answer: next(item for item in answer.output if item.type == "function_call"),
    result=lambda answer, call: [
        *(item.to_dict() for item in answer.output),
        {"type": "function_call_output", "call_id": call.call_id, "output": MARK},
    ],
    schema={"text": {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}}},
    reasoning={"reasoning": {"effort": "high", "summary": "auto"}},
    image={"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PIXEL}"},
)

MESSAGES = Api(
    name="Anthropic Messages",
    send=lambda client, value: _with(client.sdk.messages.create, messages=_messages(value), max_tokens=4096),
    text=lambda answer: "".join(block.text for block in answer.content if block.type == "text"),
    streamed_text=lambda event: getattr(getattr(event, "delta", None), "text", None) or "",
    tools={"tools": [{"name": "get_weather", "description": "Weather", "input_schema": SCHEMA}]},
    call=lambda answer: next(block for block in answer.content if block.type == "tool_use"),
    result=lambda answer, call: [
        {"role": "assistant", "content": [block.to_dict() for block in answer.content]},
        _user([{"type": "tool_result", "tool_use_id": call.id, "content": MARK}]),
    ],
    schema={"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    reasoning={"thinking": {"type": "enabled", "budget_tokens": 2048}},
    image={"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
)

APIS = (CHAT, RESPONSES, MESSAGES)


def _with(function: Any, **members: Any) -> Send:
    return lambda **more: function(model="m", **members, **more)


Probe = Callable[[Api, Client], Awaitable[str]]


def _yes(true: bool) -> str:
    return YES if true else FAILED


async def text(api: Api, client: Client) -> str:
    return _yes(api.text(await api.send(client, "Hello")()).startswith("Hello from"))


async def stream(api: Api, client: Client) -> str:
    events = [event async for event in await api.send(client, "Hello")(stream=True)]
    return _yes("".join(map(api.streamed_text, events)).startswith("Hello from"))


async def tools(api: Api, client: Client) -> str:
    answer = await api.send(client, ASK)(**api.tools)
    history = [_user(ASK), *api.result(answer, api.call(answer))]
    return _yes(MARK in api.text(await api.send(client, history)(**api.tools)))


async def structure(api: Api, client: Client) -> str:
    await api.send(client, "Hello")(**api.schema)
    return _yes(MARK.encode() in client.sent)


async def images(api: Api, client: Client) -> str:
    kind = "input_text" if api is RESPONSES else "text"
    await api.send(client, [_user([{"type": kind, "text": "What is it?"}, api.image])])()
    return _yes(PIXEL.encode() in client.sent)


_REASONING_MEMBERS = (b"reasoning", b"thinking")


async def reasoning(api: Api, client: Client) -> str:
    await api.send(client, "Hello")(**api.reasoning)
    return YES if any(member in client.sent.lower() for member in _REASONING_MEMBERS) else "dropped"


async def errors(api: Api, client: Client) -> str:
    await client.sidecar.sandbox.set_fault(client.provider, Fault("status", status=429))
    try:
        await api.send(client, "Hello")()
    except client.status_error:
        return YES
    finally:
        await client.sidecar.sandbox.restore(client.provider)
    return FAILED


PROBES: Mapping[str, Probe] = {
    "text": text,
    "stream": stream,
    "tools, call and result": tools,
    "answer by a JSON schema": structure,
    "reasoning": reasoning,
    "images": images,
    "errors as the SDK's own": errors,
}
_REFUSED = (openai.BadRequestError, anthropic.BadRequestError)


async def cell(probe: Probe, api: Api, client: Client) -> str:
    """Return the value of one cell."""
    try:
        return await probe(api, client)
    except _REFUSED:
        return NO


@asynccontextmanager
async def client_of(api: Api, sidecar: RunningSidecar, provider: str) -> AsyncIterator[Client]:
    """Open a client whose requests go to that provider."""
    options: dict[str, Any] = {"api_key": "any", "max_retries": 0, "default_headers": {"X-Provider": provider}}
    sdk = anthropic.AsyncAnthropic(base_url=sidecar.url, **options) if api is MESSAGES else None
    async with sdk or openai.AsyncOpenAI(base_url=f"{sidecar.url}/v1", **options) as opened:
        yield Client(sidecar, provider, opened)


async def tables() -> str:
    """Return the tables as Markdown, one for each API. Every cell has a sidecar without a past."""
    written = []
    for api in APIS:
        rows = [["", *PROVIDERS], ["---"] * (len(PROVIDERS) + 1)]
        async with AsyncExitStack() as stack:
            sidecar = await stack.enter_async_context(run_sidecar(six_providers()))
            clients = [await stack.enter_async_context(client_of(api, sidecar, name)) for name in PROVIDERS]
            for name, probe in PROBES.items():
                rows.append([name, *[await cell(probe, api, client) for client in clients]])
        written.append(f"### {api.name}\n\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows))
    return "\n".join(written)


def replace_tables(page: str, written: str) -> str:
    """Return the page with these tables between the markers."""
    before, _, rest = page.partition(START)
    return before + START + "\n" + written + "\n" + END + rest.partition(END)[2]


def main() -> None:
    """Write the page."""
    PAGE.write_text(replace_tables(PAGE.read_text(), asyncio.run(tables())))


if __name__ == "__main__":
    main()
