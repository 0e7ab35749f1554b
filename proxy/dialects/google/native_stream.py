"""Passes the event stream of Gemini's API through to callers who speak it, and records what it contains."""

from __future__ import annotations

from typing import Any

from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.frame_transform import FrameTransform
from proxy.dialects.google import response
from proxy.dialects.google.stream import parse_frame
from proxy.dialects.lenient_json import serialize
from proxy.errors import ParrotError
from proxy.sse import encode


class NativeStream(FrameTransform):
    """Every event passes as it is. The stream ends with the connection, and is whole if there was a finish reason."""

    def __init__(self, context: ResponseContext) -> None:
        super().__init__(context)
        self._counts: dict[str, Any] = {}
        context.answer.ends_with_connection = True

    def _translate_end(self, rest: bytes) -> bytes:
        """Pass a last event that lacks its blank line, if its JSON is complete."""
        is_complete = isinstance(parse_frame(rest), dict)
        return self._translate_frame(rest.rstrip(b"\r\n") + b"\n\n") if is_complete else b""

    def _translate_frame(self, frame: bytes) -> bytes:
        members = parse_frame(frame)
        if members is None:
            return b""  # a comment, which Google's SDKs take for an error
        if not isinstance(members, dict):
            self._context.answer.dropped_events += 1
            return b""
        if members.get("error"):
            self._context.answer.error = True
        else:
            self._record(members)
        return frame

    def _record(self, members: dict[str, Any]) -> None:
        state = self._context.answer
        state.id = state.id or text_of(members.get("responseId")) or None
        state.model = state.model or text_of(members.get("modelVersion")) or self._context.model
        if counts := object_of(members.get("usageMetadata")):
            self._counts |= {name: count for name, count in counts.items() if count or name not in self._counts}
            state.usage = response.to_openai_usage(self._counts)
        if response.block_reason(members):
            state.finish_reason = "content_filter"
        for candidate in response.candidates(members):
            self._record_candidate(candidate)

    def _record_candidate(self, candidate: dict[str, Any]) -> None:
        """Count the text. Another target could not continue the parts that were sent."""
        state = self._context.answer
        state.text_only = False
        state.length += sum([len(text_of(part.get("text"))) for part in response.parts(candidate)])
        if candidate.get("finishReason"):
            state.finish_reason = response.finish_reason(candidate)

    def _fail(self, error: Exception) -> bytes:
        state = self._context.answer
        state.text_only, state.error = False, True
        failure: ParrotError = self._context.on_exception(error)
        members = {"code": failure.status, "message": failure.message, "status": "INTERNAL"}
        return encode(serialize({"error": members}))
