"""Whatever a provider or a caller sends in place of what it should, nothing is raised but what the contract names."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects import DIALECTS
from proxy.dialects.contract import Call
from proxy.errors import BadAnswer, InvalidRequest
from proxy.sse import decode
from tests.dialects.oracles import fed, reading

NAMES = ["mistral", "cohere", "meta"]
LEAVES = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([1e300, "", "a", "null", "stop", "error", "text"])
)
KEYS = st.sampled_from(["id", "type", "name", "function", "arguments", "content", "text", "message", "error", "index"])
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
CHANGES = st.lists(st.tuples(JSON, st.lists(st.integers(0, 20), max_size=8)), min_size=1, max_size=3)

CALL = {"index": 0, "id": "i", "type": "function", "function": {"name": "f", "arguments": "{}"}}
COUNTS = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
SAID = {
    "role": "assistant",
    "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}],
    "reasoning": "b",
}
EVENTS: list[Any] = [
    {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "usage": COUNTS,
     "x_groq": {"usage": COUNTS},
     "choices": [{"index": 0, "delta": {**SAID, "tool_calls": [CALL]}, "finish_reason": "stop", "error": None}]},
    {"type": "message-start", "id": "x"},
    {"type": "content-delta", "delta": {"message": {"content": {"text": "a"}}}},
    {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "a"}}},
    {"type": "tool-call-start", "delta": {"message": {"tool_calls": CALL}}},
    {"type": "message-end",
     "delta": {"finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 1.0}, "cached_tokens": 1}}},
]  # fmt: skip
ANSWERS: list[Any] = [
    {"id": "x", "created": 1, "model": "m", "usage": COUNTS,
     "choices": [{"index": 0, "message": {**SAID, "tool_calls": [CALL]}, "finish_reason": "stop"}]},
    {"id": "x", "finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 1.0}, "billed_units": {}},
     "message": {"content": [{"type": "text", "text": "a"}], "tool_plan": "p", "tool_calls": [CALL]}},
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


def spoilt(value: Any, changes: list[tuple[Any, list[int]]]) -> Any:
    for other, path in changes:
        value = _spoilt(value, other, path)
    return value


def _spoilt(value: Any, other: Any, path: list[int]) -> Any:
    """The value with something else at the end of a path, whose steps count its members round and round."""
    if not path or not isinstance(value, (dict, list)) or not value:
        return other
    keys: Any = sorted(value) if isinstance(value, dict) else range(len(value))
    at = keys[path[0] % len(keys)]
    pairs = [(key, _spoilt(value[key], other, path[1:]) if key == at else value[key]) for key in keys]
    return dict(pairs) if isinstance(value, dict) else [item for _, item in pairs]


@pytest.mark.parametrize("name", NAMES)
@given(st.sampled_from(EVENTS), CHANGES)
def test_no_event_trips_a_stage(name: str, event: Any, changes: Any) -> None:
    frame = b"data: " + orjson.dumps(spoilt(event, changes)) + b"\n\n"
    DIALECTS[name].begins(decode(frame))
    fed(DIALECTS[name].stream(reading()), [frame, frame])


@pytest.mark.parametrize("name", NAMES)
@given(st.sampled_from(ANSWERS), CHANGES)
def test_an_answer_is_read_or_is_a_bad_one(name: str, answer: Any, changes: Any) -> None:
    data = orjson.dumps(spoilt(answer, changes))
    DIALECTS[name].error(400, {}, data)
    with contextlib.suppress(BadAnswer):
        DIALECTS[name].answer(data, reading())


@pytest.mark.parametrize("name", NAMES)
@given(CHANGES)
def test_a_request_is_asked_or_is_invalid(name: str, changes: Any) -> None:
    body = spoilt(REQUEST, changes)
    if not isinstance(body, dict):
        return
    DIALECTS[name].unsupported(body, "m")
    with contextlib.suppress(InvalidRequest):
        DIALECTS[name].ask(Call("chat", body, orjson.dumps(body), "m", True))
