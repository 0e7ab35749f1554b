"""Calls of functions come back in the form of the caller's tools."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.dialects.hub.custom_tools import custom_arguments
from proxy.dialects.hub.tool_form_answers import ToolFormStream, with_tool_forms
from proxy.dialects.hub.tool_forms import ToolForms
from proxy.sse import decode, encode, split_frames

LEGACY, CUSTOM = ToolForms(is_legacy=True), ToolForms(custom=frozenset({"c"}))


def function_call(name: str, arguments: str, **more: Any) -> dict[str, Any]:
    return {**more, "id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": arguments}}


CALLS = [function_call("c", custom_arguments("a\nb")), function_call("f", '{"x":1}')]


def answer(forms: ToolForms, **message: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": "tool_calls"}
    body = with_tool_forms(orjson.dumps({"id": "1", "choices": [choice], "usage": {"total_tokens": 1}}), forms)
    found = orjson.loads(body)
    assert found["usage"] == {"total_tokens": 1}
    return found["choices"][0]  # type: ignore[no-any-return]


def test_an_answer_to_functions_has_its_first_call_as_function_call() -> None:
    choice = answer(LEGACY, tool_calls=CALLS)
    assert choice["finish_reason"] == "function_call"
    assert choice["message"] == {"role": "assistant", "content": None, "function_call": CALLS[0]["function"]}


def test_an_answer_has_calls_of_custom_tools_as_such() -> None:
    choice = answer(CUSTOM, tool_calls=CALLS)
    custom = {"id": "call_c", "type": "custom", "custom": {"name": "c", "input": "a\nb"}}
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["tool_calls"] == [custom, CALLS[1]]


@pytest.mark.parametrize("forms", [LEGACY, CUSTOM])
def test_an_answer_without_calls_stays_byte_for_byte(forms: ToolForms) -> None:
    body = b'{"choices": [ {"message": {"content": "Hi"}, "finish_reason":"stop"}]}'
    assert with_tool_forms(body, forms) == body


class AsItIs:
    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


def chunk(delta: dict[str, Any], finish: str | None = None, index: int = 0) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return encode(orjson.dumps({"id": "1", "choices": [choice]}))


def calls(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": list(entries)}


def deltas(forms: ToolForms, *events: bytes) -> list[tuple[dict[str, Any], Any]]:
    """Return the deltas and finish reasons of the stream with these events."""
    stream = ToolFormStream(AsItIs(), forms)
    sent = b"".join(map(stream.feed, events)) + stream.end()
    choices = [orjson.loads(decode(frame).data or b"")["choices"][0] for frame in split_frames(sent)]
    return [(choice["delta"], choice["finish_reason"]) for choice in choices]


def test_a_stream_to_functions_has_deltas_of_function_call() -> None:
    events = [
        chunk({"content": "Hm: tool_calls"}),
        chunk(calls(function_call("f", "", index=0))),
        chunk(calls({"index": 0, "function": {"arguments": "{}"}})),
        chunk(calls(function_call("g", "{}", index=1))),
        chunk({}, "tool_calls"),
    ]
    assert deltas(LEGACY, *events) == [
        ({"content": "Hm: tool_calls"}, None),
        ({"function_call": {"name": "f", "arguments": ""}}, None),
        ({"function_call": {"arguments": "{}"}}, None),
        ({}, None),
        ({}, "function_call"),
    ]


def test_a_stream_has_calls_of_custom_tools_as_such_next_to_functions() -> None:
    events = [
        chunk(calls(function_call("c", '{"in', index=0))),
        chunk(calls({"index": 0, "function": {"arguments": 'put": "a'}})),
        chunk(calls(function_call("f", "{}", index=1), {"index": 0, "function": {"arguments": 'b"}'}})),
        chunk({}, "tool_calls"),
    ]
    assert deltas(CUSTOM, *events) == [
        (calls({"index": 0, "id": "call_c", "type": "custom", "custom": {"name": "c", "input": ""}}), None),
        (calls({"index": 0, "custom": {"input": "a"}}), None),
        (calls(function_call("f", "{}", index=1), {"index": 0, "custom": {"input": "b"}}), None),
        ({}, "tool_calls"),
    ]


def test_arguments_of_another_shape_are_sent_at_the_end_of_their_choice() -> None:
    events = [
        chunk(calls(function_call("c", '{"x": 1}', index=0)), index=0),
        chunk(calls(function_call("c", '{"x": 2}', index=0)), index=1),
        chunk({}, "tool_calls", index=1),
    ]
    assert deltas(CUSTOM, *events)[-1] == (calls({"index": 0, "custom": {"input": '{"x": 2}'}}), "tool_calls")


def test_events_without_calls_stay_byte_for_byte() -> None:
    events = b': ping\n\ndata: {"choices": [ {"delta": {"content":"a"}} ]}\n\ndata: [DONE]\n\n'
    stream = ToolFormStream(AsItIs(), CUSTOM)
    assert stream.feed(events) == events
    with_calls = chunk(calls(function_call("f", "{}", index=0)))
    assert stream.feed(events + with_calls).startswith(events)
