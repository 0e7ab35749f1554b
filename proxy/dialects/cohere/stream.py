"""Cohere's events as OpenAI's chunks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from proxy.dialects.chunks import Chunks, failed
from proxy.dialects.cohere.response import finish, usage
from proxy.dialects.cohere.tables import BROKEN
from proxy.dialects.contract import Reading
from proxy.dialects.faults import message_of, refused
from proxy.dialects.shapes import object_of, objects_of, text_of
from proxy.sse import Event, Framer, data_of

DONE = b"[DONE]"


class Translating:
    """One choice; `message-end` is the end, whatever comes or does not come after it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._framer = Framer()
        self._chunks = Chunks(reading)
        self._calls = 0
        self._argued = True
        self._over = False

    def feed(self, data: bytes) -> bytes:
        return b"".join(map(self._frame, self._framer.feed(data)))

    def end(self) -> bytes:
        """A last event may lack its blank line; half of one is dropped."""
        rest = self._framer.rest()
        data = data_of(rest)
        return self._frame(rest) if data is not None and _json(data) is not None else b""

    def _frame(self, frame: bytes) -> bytes:
        data = data_of(frame)
        if data is None or data == DONE or self._over:
            return b""
        event = _json(data)
        if not isinstance(event, dict):
            self._reading.answer.dropped += 1
            return b""
        translate = _EVENTS.get(text_of(event.get("type")))
        if translate is not None:
            return translate(self, event)
        return self._fail(500, data) if _is_error(event) else b""

    def _start(self, event: Mapping[str, Any]) -> bytes:
        return b"" if self._chunks.begun else self._chunks.begin(id=text_of(event.get("id")))

    def _begun(self) -> bytes:
        """The role chunk, where a stream did without `message-start`."""
        return b"" if self._chunks.begun else self._chunks.begin()

    def _content(self, event: Mapping[str, Any]) -> bytes:
        said, told = _within(event, "content"), self._begun()
        if thought := text_of(said.get("thinking")):
            told += self._chunks.reasoning(thought)
        if text := text_of(said.get("text")):
            told += self._chunks.text(text)
        return told

    def _plan(self, event: Mapping[str, Any]) -> bytes:
        plan = text_of(_message(event).get("tool_plan"))
        return self._begun() + (self._chunks.reasoning(plan) if plan else b"")

    def _call(self, event: Mapping[str, Any]) -> bytes:
        """`tool_calls` is one call here, not a list; they are counted anew, from 0."""
        call = _within(event, "tool_calls")
        name = text_of(object_of(call.get("function")).get("name"))
        index, self._calls, self._argued = self._calls, self._calls + 1, False
        begun = self._begun()
        id = text_of(call.get("id")) or f"call_{self._reading.id}_{index}"
        return begun + self._chunks.tool(index, id, name) + self._arguments(event)

    def _arguments(self, event: Mapping[str, Any]) -> bytes:
        fragment = text_of(object_of(_within(event, "tool_calls").get("function")).get("arguments"))
        if not fragment or not self._calls:
            return b""
        self._argued = True
        return self._chunks.arguments(self._calls - 1, fragment)

    def _called(self, event: Mapping[str, Any]) -> bytes:
        """A call without arguments gets an empty object: "" is no JSON."""
        if self._argued:
            return b""
        self._argued = True
        return self._chunks.arguments(self._calls - 1, "{}")

    def _end(self, event: Mapping[str, Any]) -> bytes:
        delta = object_of(event.get("delta"))
        reason = text_of(delta.get("finish_reason"))
        if delta.get("error") or reason in BROKEN:
            said = delta.get("error") or f"the provider ended the answer with {reason}"
            return self._fail(BROKEN.get(reason, 500), orjson.dumps({"error": said}))
        self._over = True
        counts = usage(delta.get("usage"))
        ended = self._begun() + self._called(event) + self._chunks.finish(finish(reason))
        return ended + (self._chunks.usage(counts) if counts else b"") + self._chunks.done()

    def _fail(self, status: int, body: bytes) -> bytes:
        self._over = True
        return failed(refused(status, {}, message_of(body)), self._reading)


_EVENTS: Mapping[str, Callable[[Translating, Mapping[str, Any]], bytes]] = {
    "message-start": Translating._start,
    "content-start": Translating._content,
    "content-delta": Translating._content,
    "tool-plan-delta": Translating._plan,
    "tool-call-start": Translating._call,
    "tool-call-delta": Translating._arguments,
    "tool-call-end": Translating._called,
    "message-end": Translating._end,
}


def begins(event: Event) -> bool:
    """Whether an event says something: text, thought, a plan, a call, the end or an error."""
    if event.data is None:
        return False
    said = _json(event.data)
    if not isinstance(said, dict):
        return event.data == DONE
    kind = said.get("type")
    if kind in ("content-start", "content-delta"):
        content = _within(said, "content")
        return bool(content.get("text") or content.get("thinking"))
    return kind in ("tool-plan-delta", "tool-call-start", "message-end") or _is_error(said)


def _is_error(event: Mapping[str, Any]) -> bool:
    """An error's body in an event's place."""
    return bool(event.get("error")) or ("type" not in event and isinstance(event.get("message"), str))


def _message(event: Mapping[str, Any]) -> dict[str, Any]:
    return object_of(object_of(event.get("delta")).get("message"))


def _within(event: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = _message(event).get(name)
    return next(iter(objects_of(found)), {}) if isinstance(found, list) else object_of(found)


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
