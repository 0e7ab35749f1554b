"""Reading a provider's response takes time linear in its size, whatever its shape and however it is cut.

Time is counted in lines of Python that run, so the counts are the same on every machine. Work in C is not counted. What it
copies is (`CountedBytes`), and patterns that could take more than linear time are found by their structure.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest

import proxy.redaction
import proxy.sse
from proxy.dialects import DIALECTS
from proxy.dialects.contract import ResponseContext
from proxy.errors import ParrotError
from proxy.ingress.openai_chat import OPENAI_CHAT
from proxy.redaction import RedactingTransform, Redactor
from proxy.routing.annotate import StreamAnnotator, with_cost, with_routing
from proxy.sse import Framer
from proxy.upstream.held_stream import HeldStream
from tests.line_count import lines

SIZE = 40
OPENAI_LIKE = ("openai", "compatible", "mistral")
ALL = (*OPENAI_LIKE, "anthropic", "google", "cohere")
REDACTOR = Redactor(["sk-secret/1234567890"], weak=["local-key"])

Shape = Callable[[int], bytes]


def growth(shape: Shape, work: Callable[[bytes], object]) -> float:
    """Return the ratio of the lines for a response of twice the size to those for the response."""
    small, large = shape(SIZE), shape(2 * SIZE)
    with suppress(ParrotError):
        work(small)  # fills the caches
    return lines(lambda: work(large)) / lines(lambda: work(small))


def context() -> ResponseContext:
    return ResponseContext(provider="p", model="m", id="chatcmpl-1", created=1)


def event(data: str, name: str = "") -> bytes:
    return proxy.sse.encode(data.encode(), name)


def events(n: int, template: str, name: str = "") -> bytes:
    """Return an event for each number in place of `#`."""
    return b"".join(event(template.replace("#", str(number)), name) for number in range(n))


def fill(template: str, content: str) -> str:
    return template.replace("@", content)


def in_call(fragment: str) -> str:
    """Return a chunk with a fragment of a tool call."""
    return fill(CHUNK, fill(CALL, fill(fragment, FUNCTION)))


def items(n: int, template: str) -> str:
    return ",".join(template.replace("#", str(number)) for number in range(n))


CHUNK = '{"id":"a","object":"chat.completion.chunk","created":1,"model":"m","choices":[@]}'
COMPLETION = '{"id":"a","created":1,"model":"m","choices":[@],"usage":{"prompt_tokens":1}}'
CHOICE = '{"index":#,"delta":{"content":"a"},"finish_reason":"stop"}'
TEXT = '{"index":0,"delta":{"content":"a"},"finish_reason":null}'
CALL = '{"index":0,"delta":{"tool_calls":[@]}}'
FUNCTION = '"function":{"name":"f","arguments":"[["}'
BLOCK = '{"type":"content_block_start","index":#,"content_block":{"type":"tool_use","id":"a","name":"f"}}'
STOPPED = '{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":1}}'
PARTS = '{"candidates":[{"content":{"parts":[@]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1}}'
CONTENT = '{"type":"content-delta","delta":{"message":{"content":[@]}}}'

STREAMS: Mapping[str, tuple[tuple[str, ...], Shape]] = {
    "texts": (OPENAI_LIKE, lambda n: events(n, fill(CHUNK, TEXT))),
    "a choice in each event": (OPENAI_LIKE, lambda n: events(n, fill(CHUNK, CHOICE))),
    "choices in one event": (OPENAI_LIKE, lambda n: event(fill(CHUNK, items(n, CHOICE)))),
    "choices of a wrong type": (OPENAI_LIKE, lambda n: event(fill(CHUNK, items(n, CHOICE.replace("#", '"#"'))))),
    "tool calls": (OPENAI_LIKE, lambda n: events(n, in_call('{"index":#,"id":"c#",@}'))),
    "tool calls in one event": (
        OPENAI_LIKE,
        lambda n: event(fill(CHUNK, fill(CALL, items(n, fill('{"index":#,"id":"c#",@}', FUNCTION))))),
    ),
    "fragments of one tool call": (OPENAI_LIKE, lambda n: events(n, in_call('{"index":0,@}'))),
    "fragments of tool calls in turn": (
        OPENAI_LIKE,
        lambda n: events(n, in_call('{"index":#,@}')) * 2,
    ),
    "tool calls of one id": (OPENAI_LIKE, lambda n: events(n, in_call('{"id":"c",@}'))),
    "usage in each event": (
        OPENAI_LIKE,
        lambda n: events(n, '{"id":"a","choices":[],"usage":{"prompt_tokens":#,"a#":1}}'),
    ),
    "usage objects": (
        ALL,
        lambda n: event(fill('{"id":"a","choices":[],"x":[@],"usage":{}}', items(n, '{"usage":{}}'))),
    ),
    "typed events": (("openai",), lambda n: events(n, '{"type":"response.output_text.delta","delta":"#"}', "a")),
    "images": (("openai",), lambda n: events(n, '{"type":"image_generation.completed","usage":{}}')),
    "blocks": (("anthropic",), lambda n: events(n, BLOCK, "a") + event(STOPPED)),
    "counts": (("anthropic",), lambda n: events(n, '{"type":"message_delta","delta":{},"usage":{"a#":1}}', "a")),
    "parts": (("google",), lambda n: event(fill(PARTS, items(n, '{"text":"a"}')))),
    "function calls": (("google",), lambda n: event(fill(PARTS, items(n, '{"functionCall":{"name":"f"}}')))),
    "contents": (("cohere",), lambda n: event(fill(CONTENT, items(n, '{"text":"a","thinking":"b"}')))),
    "calls": (
        ("cohere",),
        lambda n: event(fill('{"type":"tool-call-start","delta":{"message":{"tool_calls":[@]}}}', items(n, "{}"))),
    ),
    "pings": (ALL, lambda n: b": ping\n\n" * n),
    "line ends": (ALL, lambda n: b"\n\r\r\n" * n),
    "data lines": (ALL, lambda n: b"data: {\n" + b"data: \n" * n + b"data: }\n\n"),
    "comments": (ALL, lambda n: b"data: {}\n" + b": }\n" * n + b"\n"),
    "events that are not JSON": (ALL, lambda n: b"data: x\n\n" * n),
    "numbers that JSON has not": (ALL, lambda n: event(fill('{"a":[@]}', items(n, "NaN")))),
    "half characters": (ALL, lambda n: event(fill('{"choices":["@"]}', "\\ud800" * n))),
}

BODIES: Mapping[str, tuple[tuple[str, ...], Shape]] = {
    "choices": (OPENAI_LIKE, lambda n: fill(COMPLETION, items(n, '{"index":#,"message":{"content":"a"}}')).encode()),
    "tool calls": (
        OPENAI_LIKE,
        lambda n: fill(COMPLETION, fill('{"message":{"tool_calls":[@]}}', items(n, fill("{@}", FUNCTION)))).encode(),
    ),
    "usage objects": (OPENAI_LIKE, lambda n: fill(COMPLETION, items(n, '{"message":{"usage":{"usage":{}}}}')).encode()),
    "blocks": (
        ("anthropic",),
        lambda n: fill('{"content":[@]}', items(n, '{"type":"tool_use","id":"#","name":"f"}')).encode(),
    ),
    "parts": (("google",), lambda n: fill(PARTS, items(n, '{"text":"a"},{"functionCall":{"name":"f"}}')).encode()),
    "candidates": (("google",), lambda n: fill('{"candidates":[@]}', items(n, "{}")).encode()),
    "contents": (
        ("cohere",),
        lambda n: fill('{"message":{"content":[@]}}', items(n, '{"type":"text","text":"a"}')).encode(),
    ),
    "members": (ALL, lambda n: fill("{@}", items(n, '"a#":1')).encode()),
    "error details": (
        ALL,
        lambda n: fill('{"error":{"code":400,"details":[@]}}', items(n, '{"reason":"#","violations":[{}]}')).encode(),
    ),
    "error messages in error messages": (ALL, lambda n: b'{"error":' * n + b'"a"' + b"}" * n),
}


def cases(table: Mapping[str, tuple[tuple[str, ...], Shape]]) -> list[Any]:
    return [
        pytest.param(dialect, shape, id=f"{dialect}: {name}")
        for name, (dialects, shape) in table.items()
        for dialect in dialects
    ]


def read_stream(dialect: str, data: bytes, size: int) -> None:
    """Read a stream in pieces of that size, as an attempt and the request's middlewares do."""
    answer = context()

    def transform() -> RedactingTransform:
        return RedactingTransform(REDACTOR, DIALECTS[dialect].stream_translator(answer))

    held, annotator = (
        HeldStream(DIALECTS[dialect].has_content, transform, 2**20),
        StreamAnnotator(lambda: 0.5, dict, OPENAI_CHAT.closing),
    )
    for start in range(0, len(data), size):
        annotator.feed(held.feed(data[start : start + size]))
        assert answer.answer.awaits_only_trailer in (False, True)
    held.end()
    annotator.end()


@pytest.mark.parametrize(("dialect", "shape"), cases(STREAMS))
def test_a_stream_takes_linear_time(dialect: str, shape: Shape) -> None:
    assert growth(shape, lambda data: read_stream(dialect, data, len(data))) < 2.1
    assert growth(shape, lambda data: read_stream(dialect, data, 7)) < 2.1


@pytest.mark.parametrize(("dialect", "shape"), cases(BODIES))
def test_a_body_takes_linear_time(dialect: str, shape: Shape) -> None:
    def read(data: bytes) -> None:
        DIALECTS[dialect].translate_error(400, {}, REDACTOR.redact_error(data))
        translated = DIALECTS[dialect].translate_response(REDACTOR.redact_answer(data), context())
        with_routing(with_cost(translated, 0.5), {})

    assert growth(shape, read) < 2.1


class CountedBytes(bytearray):
    """A buffer that counts the bytes that are copied into and out of it."""

    copied = 0

    def __iadd__(self, data: Any) -> CountedBytes:
        CountedBytes.copied += len(data)
        return super().__iadd__(data)  # type: ignore[return-value]

    def __bytes__(self) -> bytes:
        CountedBytes.copied += len(self)
        return bytes(memoryview(self))


class Sink:
    """A transform that drops everything."""

    def feed(self, data: bytes) -> bytes:
        return b""

    def end(self) -> bytes:
        return b""


@pytest.mark.parametrize("make", [Framer, lambda: RedactingTransform(REDACTOR, Sink())])
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_bytes_are_copied_a_bounded_number_of_times(
    make: Callable[[], Any], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (proxy.sse, proxy.redaction):
        monkeypatch.setattr(module, "bytearray", CountedBytes, raising=False)
    CountedBytes.copied, data, reader = 0, (b"data: " + b"x" * 9_000 + b"\n\n") * 4, make()
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
    assert len(data) <= CountedBytes.copied <= 3 * len(data)


def patterns(value: Any) -> Iterator[re.Pattern[Any]]:
    """Yield the patterns in a module's constants."""
    if isinstance(value, re.Pattern):
        yield value
    for item in value if isinstance(value, (tuple, list)) else value.values() if isinstance(value, dict) else ():
        yield from patterns(item)


def has_inner_wildcard(parsed: Any) -> bool:
    """Whether any number of any characters is followed by something else, which is searched for from every start."""
    found = [
        name is re._constants.MAX_REPEAT  # type: ignore[attr-defined]
        and argument[1] is re._constants.MAXREPEAT  # type: ignore[attr-defined]
        and argument[2][0][0] is re._constants.ANY  # type: ignore[attr-defined]
        for name, argument in parsed
    ]
    return any(found[:-1])


BOUNDED_TEXTS = ("_PERSONAL_DATA", "_MSGSPEC_ERROR", "MODEL_NAME")
"""Patterns that only match texts of a bounded length."""


def test_no_pattern_has_a_wildcard_before_its_end() -> None:
    parts = ("proxy.dialects", "proxy.routing", "proxy.sse", "proxy.redaction", "proxy.headers", "proxy.retry_after")
    modules = [module for name, module in sys.modules.items() if name.startswith(parts)]
    found = [pattern for module in modules for pattern in searched_patterns(module)]
    assert len(found) > 20
    assert not [
        pattern.pattern
        for pattern in found
        if has_inner_wildcard(re._parser.parse(pattern.pattern, pattern.flags))  # type: ignore[attr-defined]
    ]


def searched_patterns(module: ModuleType) -> Iterator[re.Pattern[Any]]:
    for name, value in vars(module).items():
        if name not in BOUNDED_TEXTS:
            yield from patterns(value if not isinstance(value, ModuleType) else None)


def test_quadratic_work_is_detected() -> None:
    def compare(data: bytes) -> None:
        for _ in data:
            for _ in data:
                pass

    assert growth(lambda n: b"a" * n, compare) > 3
    assert has_inner_wildcard(re._parser.parse("a.*b"))  # type: ignore[attr-defined]
