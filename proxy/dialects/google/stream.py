"""Gemini's event stream as OpenAI's chunks."""

from __future__ import annotations

from typing import Any

import orjson

from proxy.dialects.coerce import content_of, object_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.frame_transform import FrameTransform
from proxy.dialects.google import response
from proxy.dialects.google.errors import error_from_object
from proxy.dialects.hub.chunk_writer import ChunkWriter, error_event
from proxy.dialects.lenient_json import parse_or_none
from proxy.errors import MalformedResponse
from proxy.sse import Event, data_of


class GeminiStream(FrameTransform):
    """Every event is a whole answer of Gemini's with what is new in it; nothing but the connection's end follows the last.

    An event with a finish reason and usage need not be the last: more text may follow, with another finish reason and
    higher counts. So the finish waits for the end of the stream; without a reason nothing is added, for the stream was cut."""

    def __init__(self, reading: ResponseContext) -> None:
        super().__init__(reading)
        self._chunks = ChunkWriter(reading)
        self._calls = 0
        self._finish: tuple[str, str | None] | None = None
        reading.answer.ends_with_connection = True

    def _translate_end(self, rest: bytes) -> bytes:
        """The last event may lack its blank line."""
        seen, last = self._context.answer, self._translate_frame(rest)
        if self._finish is None or seen.error:
            return last
        last += self._chunks.finish(*self._finish)
        return last + (self._chunks.usage_chunk(seen.usage) if seen.usage else b"") + self._chunks.done()

    def _translate_frame(self, frame: bytes) -> bytes:
        said = _json(frame)
        if said is None:
            return b""
        if not isinstance(said, dict):
            self._context.answer.dropped_events += 1
            return b""
        if members := said.get("error"):
            return error_event(
                error_from_object(members if isinstance(members, dict) else {"message": members}), self._context
            )
        return self._answer(said)

    def _answer(self, said: dict[str, Any]) -> bytes:
        if counts := object_of(said.get("usageMetadata")):
            self._context.answer.usage = response.to_openai_usage(counts)
        if candidates := response.candidates(said):
            return self._begin(said) + self._candidate(candidates[0])
        if why := response.block_reason(said):
            self._finished("content_filter")
            return self._begin(said) + self._chunks.refusal_delta(why)
        return b""

    def _begin(self, said: dict[str, Any]) -> bytes:
        if self._chunks.started:
            return b""
        return self._chunks.start(response.completion_id(said), said.get("modelVersion"))

    def _candidate(self, candidate: dict[str, Any]) -> bytes:
        written = b"".join([self._part(part) for part in response.parts(candidate)])
        if reason := candidate.get("finishReason"):
            self._finished(response.finish_reason(candidate), response.unmapped_finish_reason(reason))
            if why := response.refusal(candidate):
                written += self._chunks.refusal_delta(why)
        return written

    def _finished(self, reason: str, own_word: str | None = None) -> None:
        self._finish = reason, own_word
        self._context.answer.finish_reason = reason

    def _part(self, part: dict[str, Any]) -> bytes:
        if text := content_of(part.get("text")):
            return self._chunks.reasoning_delta(text) if part.get("thought") else self._chunks.text_delta(text)
        if "functionCall" in part:
            call = response.to_tool_call(part, self._context, self._calls)
            self._calls += 1
            return self._chunks.complete_tool_call(self._calls - 1, call)
        if "inlineData" in part:
            return self._chunks.delta("images", [response.to_image_part(part)])
        return b""


def _json(frame: bytes) -> Any:
    """What an event says; an error may come as bare JSON. None where it says nothing, False where it cannot be read."""
    if frame.startswith(b"data: "):
        try:
            return response.unwrap_list(orjson.loads(frame[6:]))  # the line ending that follows is white space to JSON
        except orjson.JSONDecodeError:
            pass
    data = data_of(frame)
    if data is None and frame.lstrip()[:1] in (b"{", b"["):
        data = frame
    return None if data is None else _parsed(data)


def _parsed(data: bytes) -> Any:
    said = parse_or_none(data)
    return False if said is None else response.unwrap_list(said)


def has_content(event: Event) -> bool:
    """An event with a word, a call, a picture, a finish, a block or an error; what cannot be read counts too."""
    if event.data is None:
        return False
    said = _parsed(event.data)
    if not isinstance(said, dict):
        return True
    try:
        return bool(said.get("error") or response.block_reason(said) or any(map(_says, response.candidates(said))))
    except MalformedResponse:
        return True


def _says(candidate: dict[str, Any]) -> bool:
    if candidate.get("finishReason"):
        return True
    return any(part.get("text") or "functionCall" in part or "inlineData" in part for part in response.parts(candidate))
