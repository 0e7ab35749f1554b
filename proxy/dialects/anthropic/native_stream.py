"""Passes the event stream of the Messages API through to callers who speak it, and records what it contains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proxy.dialects.anthropic.response import to_openai_usage
from proxy.dialects.anthropic.stream import NO_DATA, parse_frame
from proxy.dialects.anthropic.tables import finish_reason
from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.frame_transform import FrameTransform
from proxy.dialects.lenient_json import parse_or_none, serialize, to_utf8
from proxy.sse import data_of, encode

_CONTENT = ("text", "thinking", "partial_json")


class NativeStream(FrameTransform):
    """Frames pass as they are, with invalid UTF-8 replaced.

    Dropped are events that are not a JSON object, on which SDKs fail, and a `message_stop` without a stop reason, which would
    make a cut answer look whole.
    """

    def __init__(self, context: ResponseContext) -> None:
        super().__init__(context)
        self._counts: dict[str, Any] = {}

    def _translate_end(self, rest: bytes) -> bytes:
        """Pass a last event that lacks its blank line, if its JSON is complete."""
        data = data_of(rest)
        complete = data is not None and parse_or_none(data) is not None
        return self._translate_frame(rest.rstrip(b"\r\n") + b"\n\n") if complete else b""

    def _translate_frame(self, frame: bytes) -> bytes:
        frame = to_utf8(frame)
        event = parse_frame(frame)
        if not isinstance(event, dict):
            self._context.answer.dropped_events += event is not NO_DATA
            return frame if event is NO_DATA else b""
        record = _RECORDERS.get(text_of(event.get("type")))
        if record is not None:
            record(self, event)
        elif event.get("error"):
            self._context.answer.error = True
        is_false_end = event.get("type") == "message_stop" and not self._context.answer.done
        return b"" if is_false_end else frame

    def _fail(self, error: Exception) -> bytes:
        state = self._context.answer
        state.text_only, state.error = False, True
        members = {"type": "api_error", "message": self._context.on_exception(error).message}
        return encode(serialize({"type": "error", "error": members}), "error")

    def _on_start(self, event: Mapping[str, Any]) -> None:
        message, state = object_of(event.get("message")), self._context.answer
        state.id, state.model = text_of(message.get("id")) or None, text_of(message.get("model")) or self._context.model
        self._update_usage(message.get("usage"))

    def _on_content(self, event: Mapping[str, Any]) -> None:
        """Count the text. Another target could not continue the blocks that were sent."""
        state = self._context.answer
        members = object_of(event.get("delta") or event.get("content_block"))
        state.text_only = False
        state.length += sum([len(text_of(members.get(name))) for name in _CONTENT])

    def _on_message_delta(self, event: Mapping[str, Any]) -> None:
        self._update_usage(event.get("usage"))
        if reason := text_of(object_of(event.get("delta")).get("stop_reason")):
            self._context.answer.finish_reason = finish_reason(reason, has_calls=True)

    def _on_stop(self, event: Mapping[str, Any]) -> None:
        state = self._context.answer
        state.done = state.finish_reason is not None

    def _on_error(self, event: Mapping[str, Any]) -> None:
        self._context.answer.error = True

    def _update_usage(self, counts: Any) -> None:
        """Merge token counts: they are cumulative, and an event may omit some or send them as 0."""
        self._counts |= {name: count for name, count in object_of(counts).items() if count or name not in self._counts}
        self._context.answer.usage = to_openai_usage(self._counts)


_RECORDERS: Mapping[str, Callable[[NativeStream, Mapping[str, Any]], None]] = {
    "message_start": NativeStream._on_start,
    "content_block_start": NativeStream._on_content,
    "content_block_delta": NativeStream._on_content,
    "message_delta": NativeStream._on_message_delta,
    "message_stop": NativeStream._on_stop,
    "error": NativeStream._on_error,
}
