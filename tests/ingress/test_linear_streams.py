"""Translating a stream takes time linear in its length, whatever comes in turns. Lines are counted, so work in C is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from proxy.ingress import FORMATS
from proxy.ingress.client_format import AnswerContext
from proxy.sse import encode
from tests.line_count import lines

SIZE = 60
STREAMED = [name for name, each in FORMATS.items() if each.stream_from_hub is not None]


def chunk(**delta: Any) -> bytes:
    return encode(orjson.dumps({"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}))


def call(number: int, arguments: str) -> bytes:
    function = {"name": "f", "arguments": arguments}
    return chunk(tool_calls=[{"index": number, "id": f"call_{number}", "type": "function", "function": function}])


def text_after_calls_in_turns(size: int) -> list[bytes]:
    """All calls wait for the first one. Text comes while the last is not complete."""
    waiting = [call(number, "{}") for number in range(1, size)]
    return [call(0, "{"), *waiting, call(size, "{"), call(0, "}"), *[chunk(content="word ")] * size]


def text_between_unfinished_calls(size: int) -> list[bytes]:
    return [call(number, "{") + chunk(content="word ") for number in range(size)]


def signed_thinking(size: int) -> list[bytes]:
    block = {"type": "thinking", "thinking": "hm ", "signature": "c2ln"}
    return [chunk(reasoning_content="hm ", thinking_blocks=[block])] * size


def text_and_refusal_in_turns(size: int) -> list[bytes]:
    return [chunk(content="word "), chunk(refusal="no ")] * size


SHAPES = [text_after_calls_in_turns, text_between_unfinished_calls, signed_thinking, text_and_refusal_in_turns]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", STREAMED)
def test_a_stream_of_twice_the_length_takes_twice_the_lines(name: str, shape: Callable[[int], list[bytes]]) -> None:
    make_stream = FORMATS[name].stream_from_hub
    assert make_stream is not None

    def translate(pieces: list[bytes]) -> None:
        stream = make_stream(AnswerContext("a", 1700000000, "m", {"thinking": "full", "thoughts": True}))
        for piece in pieces:
            stream.feed(piece)

    small, large = shape(SIZE), shape(2 * SIZE)
    translate(small)  # fills the caches
    assert lines(lambda: translate(large)) < 2.2 * lines(lambda: translate(small))
