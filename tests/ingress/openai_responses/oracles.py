"""Checks of responses and their events: the SDK's types made strict, and the rules by which clients put a stream together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openai.types.responses import Response, ResponseStreamEvent

from proxy.ingress.client_format import AnswerContext, HubRequest
from proxy.ingress.openai_responses import OPENAI_RESPONSES
from proxy.ingress.openai_responses.stream import ResponsesStream
from proxy.sse import decode, split_frames
from tests.dialects.oracles import strict

HERE = Path(__file__).parent
Event = dict[str, Any]

TOOLS: list[dict[str, Any]] = [
    {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": None},
    {"type": "custom", "name": "note"},
    {"type": "namespace", "name": "agents", "description": "d", "tools": [{"type": "function", "name": "close"}]},
]
"""The tools of the requests that golden answers and streams belong to."""

_ADDED_TO_RESPONSES = ("frequency_penalty", "presence_penalty", "store", "provider", "user")
_ENDS = ("response.completed", "response.incomplete", "response.failed")


def to_hub(**members: Any) -> HubRequest:
    """Translate a request with these members."""
    assert OPENAI_RESPONSES.request_to_hub is not None
    return OPENAI_RESPONSES.request_to_hub({"model": "m", "input": "Hi", **members})


def answer_context(**echo: Any) -> AnswerContext:
    """Return a context with the fixed values that golden files contain."""
    return AnswerContext("abc", 1700000000, "asked", to_hub(**echo).echo)


def validate_response(response: Mapping[str, Any]) -> None:
    """Check a response against the SDK's type, but for the members that the SDK does not know."""
    known = {name: value for name, value in response.items() if name not in _ADDED_TO_RESPONSES}
    strict(Response).validate_python(_known(known))


def events_of(stream: bytes) -> list[Event]:
    """Return the events, each of which must have the name of its type. Comments are left out."""
    frames = [decode(frame) for frame in split_frames(stream)]
    events = [(frame.name, json.loads(frame.data)) for frame in frames if frame.data is not None]
    assert all(name == event["type"] for name, event in events)
    return [event for _, event in events]


def checked_events(stream: bytes) -> list[Event]:
    """Return the events of a stream, each of which must be valid for the SDK, in an order that its readers accept."""
    events = events_of(stream)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    for event in events:
        _validate_event(event)
    _check_items(events)
    return events


def text_of(events: list[Event], kind: str) -> str:
    """Return the joined deltas of one type of event."""
    return "".join(event["delta"] for event in events if event["type"] == kind)


def translated(hub: bytes, context: AnswerContext) -> bytes:
    """Return the translation of a hub stream, which is ended if it has its `[DONE]`."""
    stream = ResponsesStream(context)
    return stream.feed(hub) + (stream.end() if b"[DONE]" in hub else b"")


def _validate_event(event: Event) -> None:
    known = {name: value for name, value in event.items() if name != "provider"}
    if event["type"] == "error":
        known.pop("error")
    if "response" in event:
        validate_response(event["response"])
        known["response"] = {
            name: value for name, value in event["response"].items() if name not in _ADDED_TO_RESPONSES
        }
    strict(ResponseStreamEvent).validate_python(_known(known))


def _known(value: Any) -> Any:
    """Return the value without what the SDK's types lack: the status of custom calls, and the cost that is added to usage."""
    if isinstance(value, list):
        return [_known(each) for each in value]
    if not isinstance(value, dict):
        return value
    dropped = {"status"} if value.get("type") == "custom_tool_call" else {"cost"} if "input_tokens" in value else set()
    return {name: _known(each) for name, each in value.items() if name not in dropped}


def _check_items(events: list[Event]) -> None:
    """Check that every item is announced and completed once, under its index, and is what its deltas make of it."""
    added, done, deltas = {}, {}, {}
    for event in events:
        kind, index = event["type"], event.get("output_index")
        if kind == "response.output_item.added":
            assert index == len(added)
            added[index] = event["item"]
        elif kind == "response.output_item.done":
            assert index not in done and event["item"]["id"] == added[index]["id"]
            done[index] = event["item"]
        elif index is not None:
            assert index in added and index not in done and event["item_id"] == added[index]["id"]
            if kind.endswith(".delta"):
                deltas[index] = deltas.get(index, "") + event["delta"]
    for index, text in deltas.items():
        assert index not in done or text == _text_of_item(done[index])
    last = events[-1]
    if last["type"] in _ENDS[:2]:
        assert [done[index] for index in range(len(added))] == last["response"]["output"]


def _text_of_item(item: Event) -> str:
    parts = item.get("content") or item.get("summary") or []
    texts = [part.get("text", "") + part.get("refusal", "") for part in parts]
    return "".join(texts) or str(item.get("arguments") or item.get("input") or "")
