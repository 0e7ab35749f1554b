"""Generates the capability table of docs/reference/providers.md by sending requests: `python -m tests.capabilities`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai

from tests.running import HELLO, RunningSidecar, run_sidecar
from tests.six_providers import PROVIDERS, six_providers, tool

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "providers.md"
START, END = "<!-- capabilities: written by `make capabilities` -->\n", "<!-- end -->\n"

MARK = "marked-4242"
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGPQ6w4HAAH7ARF0JhTpAAAAAElFTkSuQmCC"  # one green pixel
)
TOOLS = [tool("get_weather", city={"type": "string"}), tool("get_time", city={"type": "string"})]
BOTH: list[Any] = [{"role": "user", "content": "Ask get_weather and get_time"}]
SCHEMA = {"type": "object", "properties": {MARK: {"type": "string"}}, "required": [MARK], "additionalProperties": False}


@dataclass(frozen=True, slots=True)
class ProbedProvider:
    """One provider behind a running sidecar."""

    sidecar: RunningSidecar
    client: openai.AsyncOpenAI
    provider: str

    @property
    def sent(self) -> bytes:
        """What it received last."""
        return self.sidecar.sandbox.requests(self.provider)[-1].body

    @property
    def alone(self) -> dict[str, str]:
        return {"X-Provider": self.provider}

    async def chat(self, messages: list[Any] = HELLO, **options: Any) -> Any:
        return await self.client.chat.completions.create(
            model="m", messages=messages, extra_headers=self.alone, **options
        )

    async def chunks(self, messages: list[Any] = HELLO, **options: Any) -> list[Any]:
        return [chunk async for chunk in await self.chat(messages, stream=True, **options)]


Probe = Callable[[ProbedProvider], Awaitable[str]]
YES, DROPPED, LEFT_OUT, REFUSED, NONE = "yes", "dropped", "not sent", "excluded", "no"


def carries(name: str, value: Any, mark: str = MARK) -> Probe:
    """Whether a parameter's value reaches the provider, or is left out, with a warning or without."""

    async def probe(asked: ProbedProvider) -> str:
        raw = await asked.client.chat.completions.with_raw_response.create(
            model="m", messages=HELLO, extra_headers=asked.alone, extra_body={name: value}
        )
        if f"param-dropped;name={name}" in raw.headers.get("x-routing-warnings", ""):
            return DROPPED
        return YES if mark.encode() in asked.sent else LEFT_OUT

    return probe


def hears(*messages: Any) -> Probe:
    """Whether a conversation that holds these reaches the provider, the mark in it."""

    async def probe(asked: ProbedProvider) -> str:
        await asked.chat(list(messages))
        return found(MARK.encode() in asked.sent or PIXEL.encode() in asked.sent)

    return probe


def found(true: bool) -> str:
    return YES if true else "NO"


async def chat(asked: ProbedProvider) -> str:
    return found("Hello from" in (await asked.chat()).choices[0].message.content)


async def stream(asked: ProbedProvider) -> str:
    chunks = await asked.chunks()
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    return found(text.startswith("Hello from") and chunks[-1].choices[0].finish_reason == "stop")


async def usage_in_streams(asked: ProbedProvider) -> str:
    return found((await asked.chunks(stream_options={"include_usage": True}))[-1].usage.completion_tokens > 0)


async def tool_call(asked: ProbedProvider) -> str:
    answer = await asked.chat(BOTH, tools=TOOLS[:1])
    return found([call.function.name for call in answer.choices[0].message.tool_calls] == ["get_weather"])


async def parallel_tool_calls(asked: ProbedProvider) -> str:
    return found(len((await asked.chat(BOTH, tools=TOOLS)).choices[0].message.tool_calls) == 2)


async def streamed_tool_calls(asked: ProbedProvider) -> str:
    deltas = [chunk.choices[0].delta for chunk in await asked.chunks(BOTH, tools=TOOLS)]
    calls = [call for delta in deltas for call in delta.tool_calls or ()]
    return found([call.function.name for call in calls if call.id] == ["get_weather", "get_time"])


async def forced_tool(asked: ProbedProvider) -> str:
    choice = {"type": "function", "function": {"name": "get_time"}}
    answer = await asked.chat(HELLO, tools=TOOLS, tool_choice=choice)
    return found([call.function.name for call in answer.choices[0].message.tool_calls or ()] == ["get_time"])


async def tool_results(asked: ProbedProvider) -> str:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
    called = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "call_1", "content": MARK}
    answer = await asked.chat([*BOTH, called, result], tools=TOOLS)
    return found(MARK in answer.choices[0].message.content)


async def several_choices(asked: ProbedProvider) -> str:
    return found(len((await asked.chat(n=2)).choices) == 2)


async def embeddings(asked: ProbedProvider) -> str:
    answer = await asked.client.embeddings.create(model="m", input=MARK, extra_headers=asked.alone)
    return found(len(answer.data[0].embedding) > 1)


async def images(asked: ProbedProvider) -> str:
    answer = await asked.client.images.generate(model="m", prompt=MARK, extra_headers=asked.alone)
    return found(len(answer.data or ()) == 1)


async def responses(asked: ProbedProvider) -> str:
    return found(
        bool((await asked.client.responses.create(model="m", input=MARK, extra_headers=asked.alone)).output_text)
    )


async def completions(asked: ProbedProvider) -> str:
    answer = await asked.client.completions.create(model="m", prompt=MARK, extra_headers=asked.alone)
    return found(bool(answer.choices[0].text))


async def moderations(asked: ProbedProvider) -> str:
    answer = await asked.client.moderations.create(model="m", input=MARK, extra_headers=asked.alone)
    return found(len(answer.results) == 1)


IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
LATER = {"role": "system", "content": MARK}

PROBES: Mapping[str, Probe] = {
    "chat": chat,
    "streaming": stream,
    "usage at the end of a stream": usage_in_streams,
    "`tools`": tool_call,
    "parallel tool calls": parallel_tool_calls,
    "tool calls in streams": streamed_tool_calls,
    "`tool_choice` with a named tool": forced_tool,
    "tool results": tool_results,
    "images (`data:` URL)": hears({"role": "user", "content": [{"type": "text", "text": "What is it?"}, IMAGE]}),
    "`system` message": hears(LATER, *HELLO),
    "`developer` message": hears({**LATER, "role": "developer"}, *HELLO),
    "`system` message between others": hears(*HELLO, LATER, *HELLO),
    "assistant prefill": hears(*HELLO, {"role": "assistant", "content": MARK}),
    "`n: 2`": several_choices,
    "`max_tokens`": carries("max_tokens", 4242, "4242"),
    "`max_completion_tokens`": carries("max_completion_tokens", 4242, "4242"),
    "`temperature`": carries("temperature", 0.4242, "0.4242"),
    "`top_p`": carries("top_p", 0.4242, "0.4242"),
    "`stop`": carries("stop", [MARK]),
    "`seed`": carries("seed", 4242, "4242"),
    "`presence_penalty`": carries("presence_penalty", 0.4242, "0.4242"),
    "`logit_bias`": carries("logit_bias", {"4242": 1}, "4242"),
    "`logprobs`": carries("logprobs", True, "logprobs"),
    "`reasoning_effort`": carries("reasoning_effort", "high", "high"),
    "`response_format` with a JSON schema": carries(
        "response_format", {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    ),
    "`response_format: json_object`": carries("response_format", {"type": "json_object"}, "json_object"),
    "`modalities` with audio": carries("modalities", ["text", "audio"], "audio"),
    "`web_search_options`": carries("web_search_options", {"search_context_size": MARK}),
    "tools of other types than `function`": carries("tools", [{"type": "custom", "custom": {"name": MARK}}]),
    "`functions`": carries("functions", [{"name": MARK}]),
    "`user`": carries("user", MARK),
    "`/v1/embeddings`": embeddings,
    "`/v1/images/generations`": images,
    "`/v1/responses`": responses,
    "`/v1/completions`": completions,
    "`/v1/moderations`": moderations,
}


async def cell(probe: Probe, asked: ProbedProvider) -> str:
    """What became of one request."""
    try:
        return await probe(asked)
    except openai.BadRequestError as error:
        return NONE if "endpoint_unsupported" in str(error) else REFUSED


async def table() -> str:
    """The table as Markdown."""
    async with run_sidecar(six_providers()) as sidecar, sidecar.client() as client:
        asked = [ProbedProvider(sidecar, client, provider) for provider in PROVIDERS]
        rows = [[name, *[await cell(probe, each) for each in asked]] for name, probe in PROBES.items()]
    head = ["", *PROVIDERS]
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def replaced(page: str, table: str) -> str:
    """The page with this table in its place."""
    before, _, rest = page.partition(START)
    return before + START + "\n" + table + "\n" + END + rest.partition(END)[2]


def main() -> None:
    PAGE.write_text(replaced(PAGE.read_text(), asyncio.run(table())))


if __name__ == "__main__":
    main()
