"""Cohere's events as OpenAI's chunks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proxy.dialects.coerce import arguments_of, content_of, object_of, objects_of, text_of
from proxy.dialects.cohere.response import finish_reason, to_openai_usage
from proxy.dialects.cohere.tables import FAILED_FINISH_REASONS
from proxy.dialects.contract import ResponseContext
from proxy.dialects.errors import error_response, message_from_value
from proxy.dialects.frame_transform import FrameTransform
from proxy.dialects.hub.chunk import DONE
from proxy.dialects.hub.chunk_writer import ChunkWriter, error_event
from proxy.dialects.lenient_json import parse_or_none
from proxy.sse import Event, data_of


class CohereStream(FrameTransform):
    """One choice; `message-end` is the end, whatever comes or does not come after it."""

    def __init__(self, reading: ResponseContext) -> None:
        super().__init__(reading)
        self._chunks = ChunkWriter(reading)
        self._calls = 0
        self._argued = True

    def _translate_end(self, rest: bytes) -> bytes:
        """A last event may lack its blank line; half of one is dropped."""
        data = data_of(rest)
        return self._translate_frame(rest) if data is not None and parse_or_none(data) is not None else b""

    def _translate_frame(self, frame: bytes) -> bytes:
        data = data_of(frame)
        if data is None or data == DONE:
            return b""
        event = parse_or_none(data)
        if not isinstance(event, dict):
            self._context.answer.dropped_events += 1
            return b""
        translate = _EVENTS.get(text_of(event.get("type")))
        if translate is not None:
            return translate(self, event)
        return self._refused(500, event) if _is_error(event) else b""

    def _start(self, event: Mapping[str, Any]) -> bytes:
        return b"" if self._chunks.started else self._chunks.start(id=event.get("id"))

    def _begun(self) -> bytes:
        """The role chunk, where a stream did without `message-start`."""
        return b"" if self._chunks.started else self._chunks.start()

    def _content(self, event: Mapping[str, Any]) -> bytes:
        written = self._begun()
        for part in _within(event, "content"):
            if thought := content_of(part.get("thinking")):
                written += self._chunks.reasoning_delta(thought)
            if text := content_of(part.get("text")):
                written += self._chunks.text_delta(text)
        return written

    def _plan(self, event: Mapping[str, Any]) -> bytes:
        plan = content_of(_message(event).get("tool_plan"))
        return self._begun() + (self._chunks.reasoning_delta(plan) if plan else b"")

    def _call(self, event: Mapping[str, Any]) -> bytes:
        """`tool_calls` is mostly one call here, not a list; calls get indexes of their own, from 0."""
        written = self._begun()
        for call in _within(event, "tool_calls") or [{}]:
            written += self._called(event)
            name = content_of(object_of(call.get("function")).get("name"))
            index, self._calls, self._argued = self._calls, self._calls + 1, False
            id = text_of(call.get("id")) or f"call_{self._context.id}_{index}"
            written += self._chunks.tool_call_start(index, id, name) + self._fragment(call)
        return written

    def _arguments(self, event: Mapping[str, Any]) -> bytes:
        return b"".join(map(self._fragment, _within(event, "tool_calls")))

    def _fragment(self, call: Mapping[str, Any]) -> bytes:
        fragment = arguments_of(object_of(call.get("function")).get("arguments"))
        if not fragment or not self._calls:
            return b""
        self._argued = True
        return self._chunks.arguments_delta(self._calls - 1, fragment)

    def _called(self, event: Mapping[str, Any]) -> bytes:
        """A call without arguments gets an empty object: "" is no JSON."""
        if self._argued:
            return b""
        self._argued = True
        return self._chunks.arguments_delta(self._calls - 1, "{}")

    def _message_end(self, event: Mapping[str, Any]) -> bytes:
        delta = object_of(event.get("delta"))
        reason = text_of(delta.get("finish_reason"))
        if delta.get("error") or reason in FAILED_FINISH_REASONS:
            error = delta.get("error") or f"the provider ended the answer with {reason}"
            return self._refused(FAILED_FINISH_REASONS.get(reason, 500), error)
        counts = to_openai_usage(delta.get("usage"))
        ended = self._begun() + self._called(event) + self._chunks.finish(finish_reason(reason))
        return ended + (self._chunks.usage_chunk(counts) if counts else b"") + self._chunks.done()

    def _refused(self, status: int, error: Any) -> bytes:
        message = message_from_value(error) or "the provider broke off with an error"
        return error_event(error_response(status, {}, message), self._context)


_EVENTS: Mapping[str, Callable[[CohereStream, Mapping[str, Any]], bytes]] = {
    "message-start": CohereStream._start,
    "content-start": CohereStream._content,
    "content-delta": CohereStream._content,
    "tool-plan-delta": CohereStream._plan,
    "tool-call-start": CohereStream._call,
    "tool-call-delta": CohereStream._arguments,
    "tool-call-end": CohereStream._called,
    "message-end": CohereStream._message_end,
}


def has_content(event: Event) -> bool:
    """Whether an event says something: text, thought, a plan, a call, the end or an error."""
    if event.data is None:
        return False
    said = parse_or_none(event.data)
    if not isinstance(said, dict):
        return event.data == DONE
    kind = said.get("type")
    if kind in ("content-start", "content-delta"):
        return any(part.get("text") or part.get("thinking") for part in _within(said, "content"))
    return kind in ("tool-plan-delta", "tool-call-start", "message-end") or _is_error(said)


def _is_error(event: Mapping[str, Any]) -> bool:
    """An error's body in an event's place."""
    return bool(event.get("error")) or ("type" not in event and isinstance(event.get("message"), str))


def _message(event: Mapping[str, Any]) -> dict[str, Any]:
    return object_of(object_of(event.get("delta")).get("message"))


def _within(event: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects that stand there, in a list or alone."""
    found = _message(event).get(name)
    return objects_of(found if isinstance(found, list) else [found])
