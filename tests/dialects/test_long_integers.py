"""Integers over 64 bits in the arguments of a tool call reach the caller digit by digit, in every dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.dialects import DIALECTS
from tests.dialects.oracles import events_of, feed_all, response_context

LONG = 123456789012345678901234567890
ARGUMENTS = {"id": LONG, "low": -(2**63) - 1, "ratio": 0.5}

COMPATIBLE_CALL = {"index": 0, "id": "i", "function": {"name": "f", "arguments": ARGUMENTS}}
GOOGLE = {
    "candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": ARGUMENTS}}]}, "finishReason": "STOP"}]
}
ANSWERS: dict[str, Any] = {
    "anthropic": {
        "content": [{"type": "tool_use", "id": "i", "name": "f", "input": ARGUMENTS}],
        "stop_reason": "tool_use",
    },
    "google": GOOGLE,
    "cohere": {"message": {"tool_calls": [COMPATIBLE_CALL]}, "finish_reason": "TOOL_CALL"},
    "compatible": {"choices": [{"message": {"tool_calls": [COMPATIBLE_CALL]}, "finish_reason": "tool_calls"}]},
    "mistral": {"choices": [{"message": {"tool_calls": [COMPATIBLE_CALL]}, "finish_reason": "tool_calls"}]},
}
COMPATIBLE_STREAM = [
    {"choices": [{"index": 0, "delta": {"tool_calls": [COMPATIBLE_CALL]}, "finish_reason": "tool_calls"}]}
]
STREAMS: dict[str, list[Any]] = {
    "anthropic": [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "i", "name": "f", "input": ARGUMENTS}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        {"type": "message_stop"},
    ],
    "google": [GOOGLE],
    "cohere": [
        {"type": "tool-call-start", "delta": {"message": {"tool_calls": COMPATIBLE_CALL}}},
        {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL"}},
    ],
    "compatible": COMPATIBLE_STREAM,
    "mistral": COMPATIBLE_STREAM,
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_in_a_whole_answer(name: str) -> None:
    body = json.loads(DIALECTS[name].translate_response(json.dumps(ANSWERS[name]).encode(), response_context()))
    [call] = body["choices"][0]["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == ARGUMENTS


@pytest.mark.parametrize("name", STREAMS)
def test_in_a_stream(name: str) -> None:
    source = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in STREAMS[name]]
    events = events_of(feed_all(DIALECTS[name].stream_translator(response_context(show_usage=False)), source))
    deltas = [event["choices"][0]["delta"] for event in events[:-1]]
    pieces = [call["function"]["arguments"] for delta in deltas for call in delta.get("tool_calls", ())]
    assert json.loads("".join(pieces)) == ARGUMENTS
