"""Malformed events, responses and requests raise only the exceptions of the contract."""

from __future__ import annotations

import contextlib
import json
from math import inf, nan
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects import DIALECTS
from proxy.dialects.contract import CallerRequest
from proxy.errors import InvalidRequestError, MalformedResponse
from proxy.routing.facts import parse_facts
from proxy.sse import data_of, decode, split_frames
from tests.dialects.oracles import feed_all, response_context

NAMES = ["openai", "anthropic", "google", "mistral", "cohere", "compatible"]
WORDS = ["", "a", "null", "stop", "error", "text"]
NUMBERS = [1e300, 2**64, 10**40]
REFUSED_BY_ORJSON = [inf, nan, "\ud83d", "\ude00", "a\ud83d"]
"""Values that Python's and JavaScript's parsers accept."""
KEYS = st.sampled_from(["id", "type", "name", "function", "arguments", "content", "text", "message", "error", "index"])
NESTED: Any = []
for _ in range(300):
    NESTED = [NESTED]


def changes(*leaves: Any) -> st.SearchStrategy[Any]:
    """A strategy of values, these included, each with the path where it is put."""
    simple = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([*WORDS, *NUMBERS, *leaves])
    tree = st.recursive(
        simple, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
    )
    return st.lists(st.tuples(tree, st.lists(st.integers(0, 20), max_size=8)), min_size=1, max_size=3)


CALL = {"index": 0, "id": "i", "type": "function", "function": {"name": "f", "arguments": "{}"}}
COUNTS = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
MESSAGE = {
    "role": "assistant",
    "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}],
    "reasoning": "b",
}
EVENTS: list[Any] = [
    {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "usage": COUNTS,
     "x_groq": {"usage": COUNTS},
     "choices": [{"index": 0, "delta": {**MESSAGE, "tool_calls": [CALL]}, "finish_reason": "stop", "error": None}]},
    {"type": "message-start", "id": "x"},
    {"type": "content-delta", "delta": {"message": {"content": {"text": "a"}}}},
    {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "a"}}},
    {"type": "tool-call-start", "delta": {"message": {"tool_calls": CALL}}},
    {"type": "message-end",
     "delta": {"finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 1.0}, "cached_tokens": 1}}},
    {"type": "message_start", "message": {"id": "x", "model": "m", "usage": {"input_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "i", "name": "f", "input": {}}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "a"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details": {"explanation": "a"}},
     "usage": {"output_tokens": 1, "output_tokens_details": {"thinking_tokens": 1}}},
    {"type": "error", "error": {"type": "overloaded_error", "message": "a"}},
    {"candidates": [{"content": {"parts": [
        {"text": "a", "thought": True}, {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "s"},
        {"inlineData": {"mimeType": "m", "data": "a"}},
    ]}, "finishReason": "SAFETY", "finishMessage": "a", "index": 0}],
     "usageMetadata": {"promptTokenCount": 1, "thoughtsTokenCount": 1}, "responseId": "x", "modelVersion": "m"},
    {"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "a"}},
    {"error": {"code": 429, "message": "a", "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "1s"}]}},
    {"type": "response.completed", "response": {"id": "x", "model": "m", "usage": {"input_tokens": 1}, "error": None}},
    {"type": "image_generation.completed", "b64_json": "a", "usage": {"input_tokens": 1}},
]  # fmt: skip
ANSWERS: list[Any] = [
    {"id": "x", "created": 1, "model": "m", "usage": COUNTS,
     "choices": [{"index": 0, "message": {**MESSAGE, "tool_calls": [CALL]}, "finish_reason": "stop"}]},
    {"id": "x", "finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 1.0}, "billed_units": {}},
     "message": {"content": [{"type": "text", "text": "a"}], "tool_plan": "p", "tool_calls": [CALL]}},
    {"id": "x", "model": "m", "type": "message", "stop_reason": "end_turn", "usage": {"input_tokens": 1},
     "content": [{"type": "text", "text": "a"}, {"type": "tool_use", "id": "i", "name": "f", "input": {}}]},
    *(event for event in EVENTS if "candidates" in event or "error" in event or "promptFeedback" in event),
]  # fmt: skip
REQUEST: dict[str, Any] = {
    "model": "m", "temperature": 1, "stop": ["a"], "n": 1, "service_tier": "auto", "prediction": {"content": "a"},
    "seed": 1, "frequency_penalty": 1, "presence_penalty": 1, "stream_options": {}, "max_tokens": 1,
    "messages": [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y"}}]},
        {"role": "assistant", "content": None, "reasoning_content": "r", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "i", "content": "a"},
        {"role": "user", "content": "b"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
    "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [CALL]}},
}  # fmt: skip


def corrupt(value: Any, changes: list[tuple[Any, list[int]]]) -> Any:
    for other, path in changes:
        value = _replace_at(value, other, path)
    return value


def _replace_at(value: Any, other: Any, path: list[int]) -> Any:
    """Return the value with `other` at the end of a path; each step is an index into the members, modulo their number."""
    if not path or not isinstance(value, (dict, list)) or not value:
        return other
    keys: Any = sorted(value) if isinstance(value, dict) else range(len(value))
    at = keys[path[0] % len(keys)]
    pairs = [(key, _replace_at(value[key], other, path[1:]) if key == at else value[key]) for key in keys]
    return dict(pairs) if isinstance(value, dict) else [item for _, item in pairs]


def encoded(value: Any) -> bytes:
    """Serialise with Python's own encoder, which accepts more than orjson does."""
    return json.dumps(value).encode()


@pytest.mark.parametrize("name", NAMES)
@given(st.sampled_from(EVENTS), changes(*REFUSED_BY_ORJSON, NESTED))
def test_a_malformed_event_does_not_raise(name: str, event: Any, changes: Any) -> None:
    frame = b"data: " + encoded(corrupt(event, changes)) + b"\n\n"
    context = response_context()
    out = feed_all(DIALECTS[name].stream_translator(context), [frame, frame])
    assert all(json.loads(data) is not None for data in map(data_of, split_frames(out)) if data and data != b"[DONE]")
    assert isinstance(context.answer.model or "", str) and isinstance(context.answer.id or "", str)
    if NESTED not in [value for value, _ in changes]:
        DIALECTS[name].has_content(decode(frame))


@pytest.mark.parametrize("name", NAMES)
@given(st.sampled_from(ANSWERS), changes(*REFUSED_BY_ORJSON))
def test_a_malformed_response_is_translated_or_a_malformed_response_error(name: str, answer: Any, changes: Any) -> None:
    data = encoded(corrupt(answer, changes))
    assert DIALECTS[name].translate_error(400, {}, data).body()
    context = response_context()
    with contextlib.suppress(MalformedResponse):
        json.loads(DIALECTS[name].translate_response(data, context))
        assert isinstance(context.answer.model or "", str) and isinstance(context.answer.finish_reason or "", str)


@pytest.mark.parametrize("name", NAMES)
@given(changes())
def test_a_malformed_request_is_translated_or_an_invalid_request_error(name: str, changes: Any) -> None:
    body = corrupt(REQUEST, changes)
    if not isinstance(body, dict):
        return
    body = json.loads(json.dumps(body), parse_int=lambda digits: int(digits) if len(digits) < 19 else float(digits))
    DIALECTS[name].unsupported_params(body, "m")
    with contextlib.suppress(InvalidRequestError):
        parse_facts("chat", body)
        DIALECTS[name].build_request(CallerRequest("chat", body, orjson.dumps(body), "m", True))
