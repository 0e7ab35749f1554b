"""A surrogate pair split over two events reaches the caller as one character, with all the text around it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from proxy.dialects import DIALECTS
from tests.dialects.oracles import (
    completion_of,
    events_of,
    feed_all,
    response_context,
    single_bytes,
    validate_completion,
)

HIGH, LOW, EMOJI = "\ud83d", "\ude00", "\U0001f600"
TEXT = ["Hi ", "there " + HIGH, LOW + " friend", " " + HIGH, "!", LOW]
JOINED = f"Hi there {EMOJI} friend \ufffd!\ufffd"
ARGUMENTS = ['{"a":"' + HIGH, LOW + '"}']
THOUGHT = ["Hm " + HIGH, LOW]

Events = list[dict[str, Any]]


def anthropic(thoughts: list[str], texts: list[str], arguments: list[str]) -> Events:
    def delta(kind: str, member: str, pieces: list[str]) -> Events:
        return [{"type": "content_block_delta", "index": 0, "delta": {"type": kind, member: piece}} for piece in pieces]

    tool = {"type": "tool_use", "id": "i", "name": "f", "input": {}}
    return [
        {"type": "message_start", "message": {"id": "x", "model": "m"}},
        *delta("thinking_delta", "thinking", thoughts),
        *delta("text_delta", "text", texts),
        {"type": "content_block_start", "index": 0, "content_block": tool},
        *delta("input_json_delta", "partial_json", arguments),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        {"type": "message_stop"},
    ]


def google(thoughts: list[str], texts: list[str], arguments: list[str]) -> Events:
    parts = [*({"text": piece, "thought": True} for piece in thoughts), *({"text": piece} for piece in texts)]
    call = {"functionCall": {"name": "f", "args": json.loads("".join(arguments))}}
    events: Events = [{"candidates": [{"content": {"parts": [part]}}]} for part in (*parts, call)]
    return [*events, {"candidates": [{"finishReason": "STOP"}]}]


def cohere(thoughts: list[str], texts: list[str], arguments: list[str]) -> Events:
    def delta(kind: str, **message: Any) -> dict[str, Any]:
        return {"type": kind, "delta": {"message": message}}

    return [
        *(delta("content-delta", content={"thinking": piece}) for piece in thoughts),
        *(delta("content-delta", content={"text": piece}) for piece in texts),
        delta("tool-call-start", tool_calls={"id": "i", "function": {"name": "f", "arguments": ""}}),
        *(delta("tool-call-delta", tool_calls={"function": {"arguments": piece}}) for piece in arguments),
        {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL"}},
    ]


def compatible(thoughts: list[str], texts: list[str], arguments: list[str]) -> Events:
    def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}

    start = {"index": 0, "id": "i", "type": "function", "function": {"name": "f", "arguments": ""}}
    calls = [start, *({"index": 0, "function": {"arguments": piece}} for piece in arguments)]
    return [
        *(chunk(reasoning_content=piece) for piece in thoughts),
        *(chunk(content=piece) for piece in texts),
        *(chunk(tool_calls=[call]) for call in calls),
        chunk("tool_calls"),
    ]


STREAMS: dict[str, Callable[[list[str], list[str], list[str]], Events]] = {
    "anthropic": anthropic, "google": google, "cohere": cohere, "compatible": compatible, "mistral": compatible,
}  # fmt: skip


def wire(name: str) -> bytes:
    events = STREAMS[name](THOUGHT, TEXT, ARGUMENTS)
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


@pytest.mark.parametrize("name", STREAMS)
def test_split_surrogate_pairs_are_joined_wherever_the_stream_is_cut(name: str) -> None:
    data = wire(name)
    context = response_context()
    whole = feed_all(DIALECTS[name].stream_translator(context), [data])
    message = completion_of(whole)["choices"][0]["message"]
    assert message["content"] == JOINED
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"a": EMOJI}
    assert completion_of(whole)["reasoning_content"] == f"Hm {EMOJI}"
    assert context.answer.complete and context.answer.dropped_events == 0
    assert feed_all(DIALECTS[name].stream_translator(response_context()), single_bytes(data)) == whole
    for place in range(len(data)):
        assert feed_all(DIALECTS[name].stream_translator(response_context()), [data[:place], data[place:]]) == whole


@pytest.mark.parametrize("name", STREAMS)
def test_half_a_pair_at_the_end_is_replaced_before_the_finish_reason(name: str) -> None:
    events = STREAMS[name]([], ["Hi " + HIGH], ['{"a":1}'])
    data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    out = events_of(feed_all(DIALECTS[name].stream_translator(response_context()), [data]))
    texts = [choice["delta"].get("content") or "" for chunk in out[:-1] for choice in chunk["choices"]]
    assert "".join(texts) == "Hi \ufffd" and out[-1] == "[DONE]"


ANSWERS: dict[str, Any] = {
    "openai": {"choices": [{"index": 0, "message": {"role": "assistant", "content": "TEXT"}, "finish_reason": "stop"}]},
    "anthropic": {"content": [{"type": "text", "text": "TEXT"}], "stop_reason": "end_turn"},
    "google": {"candidates": [{"content": {"parts": [{"text": "TEXT"}]}, "finishReason": "STOP"}]},
    "cohere": {"message": {"content": [{"type": "text", "text": "TEXT"}]}, "finish_reason": "COMPLETE"},
    "compatible": {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "TEXT"}, "finish_reason": "stop"}]
    },
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_response_that_ends_in_half_a_pair_is_translated(name: str) -> None:
    context = response_context()
    data = DIALECTS[name].translate_response(json.dumps(ANSWERS[name]).replace("TEXT", "Hi \\ud83d").encode(), context)
    text = json.loads(data)["choices"][0]["message"]["content"]
    assert text == ("Hi " + HIGH if name == "openai" else "Hi \ufffd") and context.answer.complete
    if name != "openai":
        validate_completion(data)
