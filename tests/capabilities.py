"""Generates the capability table of docs/reference/providers.md by sending requests: `python -m tests.capabilities`."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai

from proxy.dialects.hub.params import IGNORABLE_PARAMS
from tests.running import HELLO, RunningSidecar, run_sidecar
from tests.six_providers import PROVIDERS, six_providers, tool

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "providers.md"
SOURCE = Path(__file__).read_text("utf-8").splitlines()
START, END = "<!-- capabilities: written by `make capabilities` -->\n", "<!-- end -->\n"

MARK = "marked-4242"
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGPQ6w4HAAH7ARF0JhTpAAAAAElFTkSuQmCC"  # one green pixel
)
TOOLS = [tool("get_weather", city={"type": "string"}), tool("get_time", city={"type": "string"})]
BOTH: list[Any] = [{"role": "user", "content": "Ask get_weather and get_time"}]
SCHEMA = {"type": "object", "properties": {MARK: {"type": "string"}}, "required": [MARK], "additionalProperties": False}
WITH_SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}


@dataclass(frozen=True, slots=True)
class ProbedProvider:
    """One provider behind a running sidecar."""

    sidecar: RunningSidecar
    client: openai.AsyncOpenAI
    provider: str

    @property
    def sent(self) -> bytes:
        """The body of the last request that the provider received."""
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
YES, DROPPED, EXCLUDED = "works", "dropped", "excluded"
FAILED = "FAILED"
"""The simulated provider received the request, but not as expected."""


def parameter(name: str, value: Any, mark: str = MARK) -> Probe:
    """A probe whether a parameter's value reaches the provider, and if not, whether there is a warning."""

    async def probe(probed: ProbedProvider) -> str:
        raw = await probed.client.chat.completions.with_raw_response.create(
            model="m", messages=HELLO, extra_headers=probed.alone, extra_body={name: value}
        )
        if f"param-dropped;name={name}" in raw.headers.get("x-routing-warnings", ""):
            return DROPPED
        return yes_or_failure(name in IGNORABLE_PARAMS or mark.encode().lower() in probed.sent.lower())

    return probe


def conversation(*messages: Any) -> Probe:
    """A probe whether a conversation reaches the provider with its marked text or image."""

    async def probe(probed: ProbedProvider) -> str:
        await probed.chat(list(messages))
        return yes_or_failure(any(sign.encode() in probed.sent for sign in (MARK, PIXEL, PDF, TEXT)))

    return probe


def yes_or_failure(true: bool) -> str:
    return YES if true else FAILED


async def chat(probed: ProbedProvider) -> str:
    return yes_or_failure("Hello from" in (await probed.chat()).choices[0].message.content)


async def stream(probed: ProbedProvider) -> str:
    chunks = await probed.chunks()
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    return yes_or_failure(text.startswith("Hello from") and chunks[-1].choices[0].finish_reason == "stop")


async def usage_in_streams(probed: ProbedProvider) -> str:
    return yes_or_failure((await probed.chunks(stream_options={"include_usage": True}))[-1].usage.completion_tokens > 0)


async def tool_call(probed: ProbedProvider) -> str:
    answer = await probed.chat(BOTH, tools=TOOLS[:1])
    return yes_or_failure([call.function.name for call in answer.choices[0].message.tool_calls] == ["get_weather"])


async def parallel_tool_calls(probed: ProbedProvider) -> str:
    return yes_or_failure(len((await probed.chat(BOTH, tools=TOOLS)).choices[0].message.tool_calls) == 2)


async def streamed_tool_calls(probed: ProbedProvider) -> str:
    deltas = [chunk.choices[0].delta for chunk in await probed.chunks(BOTH, tools=TOOLS)]
    calls = [call for delta in deltas for call in delta.tool_calls or ()]
    return yes_or_failure([call.function.name for call in calls if call.id] == ["get_weather", "get_time"])


async def forced_tool(probed: ProbedProvider) -> str:
    choice = {"type": "function", "function": {"name": "get_time"}}
    answer = await probed.chat(HELLO, tools=TOOLS, tool_choice=choice)
    return yes_or_failure([call.function.name for call in answer.choices[0].message.tool_calls or ()] == ["get_time"])


async def tool_results(probed: ProbedProvider) -> str:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
    called = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "call_1", "content": MARK}
    answer = await probed.chat([*BOTH, called, result], tools=TOOLS)
    return yes_or_failure(MARK in answer.choices[0].message.content)


async def several_choices(probed: ProbedProvider) -> str:
    return yes_or_failure(len((await probed.chat(n=2)).choices) == 2)


def embeddings(count: int = 1, size: int | None = None, **options: Any) -> Probe:
    """A probe whether so many texts get vectors of this length."""

    async def probe(probed: ProbedProvider) -> str:
        given = {"input": [f"{MARK} {number}" for number in range(count)], **options}
        raw = await probed.client.embeddings.with_raw_response.create(model="e", extra_headers=probed.alone, **given)
        if "param-dropped" in raw.headers.get("x-routing-warnings", ""):
            return DROPPED
        vectors = [each.embedding for each in raw.parse().data]
        return yes_or_failure(len(vectors) == count and all(len(vector) == (size or len(vector)) for vector in vectors))

    return probe


async def images(probed: ProbedProvider) -> str:
    answer = await probed.client.images.generate(model="m", prompt=MARK, extra_headers=probed.alone)
    return yes_or_failure(len(answer.data or ()) == 1)


async def responses(probed: ProbedProvider) -> str:
    return yes_or_failure(
        bool((await probed.client.responses.create(model="m", input=MARK, extra_headers=probed.alone)).output_text)
    )


async def completions(probed: ProbedProvider) -> str:
    answer = await probed.client.completions.create(model="m", prompt=MARK, extra_headers=probed.alone)
    return yes_or_failure(bool(answer.choices[0].text))


async def speech(probed: ProbedProvider) -> str:
    answer = await probed.client.audio.speech.create(model="m", input=MARK, voice="alloy", extra_headers=probed.alone)
    return YES if answer.content and MARK.encode() in probed.sent else FAILED


async def transcriptions(probed: ProbedProvider) -> str:
    answer = await probed.client.audio.transcriptions.create(
        model="m", file=("a.wav", MARK.encode()), extra_headers=probed.alone
    )
    return YES if answer.text and MARK.encode() in probed.sent else FAILED


async def image_edits(probed: ProbedProvider) -> str:
    answer = await probed.client.images.edit(
        model="m", image=("a.png", b64decode(PIXEL)), prompt=MARK, extra_headers=probed.alone
    )
    return YES if answer.data and MARK.encode() in probed.sent else FAILED


async def moderations(probed: ProbedProvider) -> str:
    answer = await probed.client.moderations.create(model="m", input=MARK, extra_headers=probed.alone)
    return yes_or_failure(len(answer.results) == 1)


def json_answer(shape: Any, members: Sequence[str] = (), **options: Any) -> Probe:
    """A probe whether an answer is a JSON object with these members."""

    async def probe(probed: ProbedProvider) -> str:
        answer = await probed.chat(response_format=shape, **options)
        return yes_or_failure(set(members) <= set(json.loads(answer.choices[0].message.content)))

    return probe


def streamed_json_answer(shape: Any, members: Sequence[str] = ()) -> Probe:
    """A probe whether a stream is a JSON object with these members, and ends as an answer."""

    async def probe(probed: ProbedProvider) -> str:
        chunks = await probed.chunks(response_format=shape)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        is_end = chunks[-1].choices[0].finish_reason == "stop"
        return yes_or_failure(is_end and set(members) <= set(json.loads(text)))

    return probe


async def custom_tool(probed: ProbedProvider) -> str:
    answer = await probed.chat(tools=CUSTOM, tool_choice="required")
    return yes_or_failure([call.custom.name for call in answer.choices[0].message.tool_calls] == [MARK])


async def streamed_custom_tool(probed: ProbedProvider) -> str:
    deltas = [chunk.choices[0].delta for chunk in await probed.chunks(tools=CUSTOM, tool_choice="required")]
    calls = [call.model_dump()["custom"] for delta in deltas for call in delta.tool_calls or ()]
    return yes_or_failure("".join(call["input"] for call in calls) == "example")


async def legacy_function(probed: ProbedProvider) -> str:
    answer = await probed.chat(BOTH, functions=[tool["function"] for tool in TOOLS])
    return yes_or_failure(answer.choices[0].message.function_call.name == "get_weather")


async def streamed_legacy_function(probed: ProbedProvider) -> str:
    choices = [chunk.choices[0] for chunk in await probed.chunks(BOTH, functions=[tool["function"] for tool in TOOLS])]
    called = any(choice.delta.function_call for choice in choices)
    return yes_or_failure(called and choices[-1].finish_reason == "function_call")


async def web_search(probed: ProbedProvider) -> str:
    await probed.chat(web_search_options={})
    return yes_or_failure(b"search" in probed.sent.lower())


async def native_members(probed: ProbedProvider) -> str:
    await probed.chat(extra_body=NATIVE)
    return yes_or_failure(MARK.encode() in probed.sent)


async def renamed_tool(probed: ProbedProvider) -> str:
    options = {"tools": [tool("get.weather@home")], "tool_choice": "required"}
    calls = (await probed.chat(**options)).choices[0].message.tool_calls
    return yes_or_failure([call.function.name for call in calls] == ["get.weather@home"])


async def moved_conversation(probed: ProbedProvider) -> str:
    call = {"id": "f.1:" + "x" * 60, "type": "function", "function": {"name": "get_weather", "arguments": None}}
    signed = {"extra_content": {"google": {"thought_signature": "c2ln"}}, "index": 0}
    blocks = [{"type": "thinking", "thinking": "hm", "signature": "c2ln", "model": "claude-opus-4-1"}]
    called = {
        "role": "assistant",
        "content": None,
        "tool_calls": [call | signed],
        "reasoning_content": "hm",
        "thinking_blocks": blocks,
    }
    history = [
        {"role": "developer", "content": "x"},
        *BOTH,
        called,
        {"role": "tool", "tool_call_id": call["id"], "content": MARK},
    ]
    answer = await probed.chat([*history, *HELLO], tools=TOOLS, reasoning_effort="low")
    return yes_or_failure("Hello from" in answer.choices[0].message.content and MARK.encode() in probed.sent)


STORED_FILES = {
    "anthropic": "file_011CNha8iCJcU1wXNR6q4V8w",
    "google": "https://generativelanguage.googleapis.com/v1beta/files/abc",
    "mistral": "3b6d45eb-e30b-416f-8019-f47e2e93d930",
}
"""Provider -> an id of its own files, where it is not of the form of OpenAI's."""


async def stored_file(probed: ProbedProvider) -> str:
    id = STORED_FILES.get(probed.provider, "file-abc123")
    await probed.chat([content({"type": "file", "file": {"file_id": id}})])
    return yes_or_failure(id.encode() in probed.sent)


async def image_in_result(probed: ProbedProvider) -> str:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "See:"}, IMAGE]}
    await probed.chat([*HELLO, {"role": "assistant", "content": None, "tool_calls": [call]}, result], tools=TOOLS)
    return yes_or_failure(PIXEL.encode() in probed.sent)


def content(part: Any) -> Any:
    """A user message with a question and this part."""
    return {"role": "user", "content": [{"type": "text", "text": "What is it?"}, part]}


def file(**members: str) -> Any:
    return content({"type": "file", "file": {**members, "filename": "a.b"}})


PDF = "JVBERi0xLjQgbWFya2VkLTQyNDI="  # %PDF-1.4 and the mark
TEXT = "bWFya2VkLTQyNDI="  # the mark
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
CUSTOM: list[Any] = [{"type": "custom", "custom": {"name": MARK}}]
NATIVE = {
    "openai": {"prompt_cache_key": MARK},
    "anthropic": {"metadata": {"user_id": MARK}},
    "google": {"cachedContent": MARK},
    "mistral": {"prompt_cache_key": MARK},
    "cohere": {"documents": [MARK]},
    "meta": {"chat_template_kwargs": {MARK: True}},
}
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
    "images (`data:` URL)": conversation(content(IMAGE)),
    "images (`https:` URL)": conversation(
        content({"type": "image_url", "image_url": {"url": f"https://example.com/{MARK}.png"}})
    ),
    "images in tool results": image_in_result,
    "PDF files": conversation(file(file_data=f"data:application/pdf;base64,{PDF}")),
    "text files": conversation(file(file_data=f"data:text/plain;base64,{TEXT}")),
    "files by `https:` URL": conversation(file(file_url=f"https://example.com/{MARK}.pdf")),
    "files stored by the provider (`file_id`)": stored_file,
    "audio (`input_audio`)": conversation(
        content({"type": "input_audio", "input_audio": {"data": TEXT, "format": "wav"}})
    ),
    "`system` message": conversation(LATER, *HELLO),
    "`developer` message": conversation({**LATER, "role": "developer"}, *HELLO),
    "`system` message between others": conversation(*HELLO, LATER, *HELLO),
    "assistant prefill": conversation(*HELLO, {"role": "assistant", "content": MARK}),
    "`n: 2`": several_choices,
    "`max_tokens`": parameter("max_tokens", 4242, "4242"),
    "`max_completion_tokens`": parameter("max_completion_tokens", 4242, "4242"),
    "`temperature`": parameter("temperature", 0.4242, "0.4242"),
    "`top_p`": parameter("top_p", 0.4242, "0.4242"),
    "`top_k`": parameter("top_k", 424, "424"),
    "`stop`": parameter("stop", [MARK]),
    "`seed`": parameter("seed", 4242, "4242"),
    "`presence_penalty`": parameter("presence_penalty", 0.4242, "0.4242"),
    "`logit_bias`": parameter("logit_bias", {"4242": 1}, "4242"),
    "`logprobs`": parameter("logprobs", True, "logprobs"),
    "`reasoning_effort`": parameter("reasoning_effort", "high", "high"),
    "`response_format` with a JSON schema": json_answer(WITH_SCHEMA, [MARK]),
    "a JSON schema, streamed": streamed_json_answer(WITH_SCHEMA, [MARK]),
    "a JSON schema next to `tools`": json_answer(WITH_SCHEMA, [MARK], tools=TOOLS),
    "`response_format: json_object`": json_answer({"type": "json_object"}),
    "`json_object`, streamed": streamed_json_answer({"type": "json_object"}),
    "names of tools with other characters": renamed_tool,
    "conversations of other providers": moved_conversation,
    "`modalities` with audio": parameter("modalities", ["text", "audio"], "audio"),
    "`web_search_options`": web_search,
    "custom tools": custom_tool,
    "custom tools in streams": streamed_custom_tool,
    "tools of other types": parameter("tools", [{"type": MARK}]),
    "`functions`": legacy_function,
    "`functions` in streams": streamed_legacy_function,
    "`service_tier: priority`": parameter("service_tier", "priority", "priority"),
    "`user`": parameter("user", MARK),
    "members in the provider's own format": native_members,
    "`/v1/embeddings`": embeddings(),
    "embeddings as base64": embeddings(encoding_format="base64"),
    "embeddings of 1000 texts": embeddings(1000, 256, dimensions=256),
    "`dimensions` of embeddings": embeddings(size=256, dimensions=256),
    "embeddings of token numbers": embeddings(2, input=[[1, 2], [3]]),
    "`input_type` of embeddings": embeddings(extra_body={"input_type": "search_query"}),
    "`/v1/images/generations`": images,
    "`/v1/responses`": responses,
    "`/v1/completions`": completions,
    "`/v1/moderations`": moderations,
    "`/v1/audio/speech`": speech,
    "`/v1/audio/transcriptions`": transcriptions,
    "`/v1/images/edits`": image_edits,
}


async def cell(name: str, probed: ProbedProvider) -> str:
    """The value of one cell, with a link to the probe and, if the provider is excluded, the reason."""
    try:
        value = await PROBES[name](probed)
    except openai.BadRequestError as error:
        found = re.search(r"endpoint_unsupported|unsupported_feature: \w+", str(error))
        reason = found[0] if found else str(error.param)
        return f'[{EXCLUDED}]({link(name)} "{reason}")'
    return value if value == FAILED else f"[{value}]({link(name)})"


def link(name: str) -> str:
    """The place of a row's probe, as seen from the page."""
    row = next(number for number, line in enumerate(SOURCE, 1) if line.startswith(f'    "{name}":'))
    return f"../../tests/capabilities.py#L{row}"


async def table() -> str:
    """The table as Markdown."""
    async with run_sidecar(six_providers()) as sidecar, sidecar.client() as client:
        probed = [ProbedProvider(sidecar, client, provider) for provider in PROVIDERS]
        rows = [[name, *[await cell(name, each) for each in probed]] for name in PROBES]
    head = ["", *PROVIDERS]
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def replace_table(page: str, table: str) -> str:
    """The page with this table between the markers."""
    before, _, rest = page.partition(START)
    return before + START + "\n" + table + "\n" + END + rest.partition(END)[2]


def main() -> None:
    PAGE.write_text(replace_table(PAGE.read_text(), asyncio.run(table())))


if __name__ == "__main__":
    main()
