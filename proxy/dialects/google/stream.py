"""Translates Gemini's event stream into OpenAI's chat completion chunks."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import orjson

from proxy.dialects.coerce import content_of, object_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.frame_transform import FrameTransform
from proxy.dialects.google import response
from proxy.dialects.google.errors import error_from_object
from proxy.dialects.google.signatures import extra_content
from proxy.dialects.google.web_search import CitedText
from proxy.dialects.hub.chunk_writer import ChunkWriter, error_event
from proxy.dialects.lenient_json import parse_or_none, with_exact_integers
from proxy.errors import MalformedResponse
from proxy.sse import Event, data_of


class GeminiStream(FrameTransform):
    """Translates events one by one. Each event is a complete response object that contains only new content.

    There is no end event: the stream ends with the connection. An event with a finish reason is not necessarily the last.
    More text may follow, with another finish reason and higher token counts. So the finish chunk is written at the end of
    the stream. A stream without a finish reason was cut off, and gets none.
    """

    def __init__(self, context: ResponseContext) -> None:
        super().__init__(context)
        self._chunks = ChunkWriter(context)
        self._call_count = 0
        self._counts: dict[str, Any] = {}
        self._cited = CitedText() if context.response_options.get("searches") else None
        self._finish: tuple[str, str | None] | None = None
        context.answer.ends_with_connection = True

    def _translate_end(self, rest: bytes) -> bytes:
        """Translate a last event that lacks its blank line, then write the finish chunk, usage and `[DONE]`."""
        state, last = self._context.answer, self._translate_frame(rest)
        if self._finish is None or state.error:
            return last
        if self._cited is not None and (found := self._cited.annotations()):
            last += self._chunks.delta("annotations", found)
        last += self._chunks.finish(*self._finish)
        return last + (self._chunks.usage_chunk(state.usage) if state.usage else b"") + self._chunks.done()

    def _translate_frame(self, frame: bytes) -> bytes:
        response_data = parse_frame(frame)
        if response_data is None:
            return b""
        if not isinstance(response_data, dict):
            self._context.answer.dropped_events += 1
            return b""
        if members := response_data.get("error"):
            return error_event(
                error_from_object(members if isinstance(members, dict) else {"message": members}), self._context
            )
        return self._translate_response(response_data)

    def _translate_response(self, response_data: dict[str, Any]) -> bytes:
        if counts := object_of(response_data.get("usageMetadata")):
            self._counts |= {name: count for name, count in counts.items() if count or name not in self._counts}
            self._context.answer.usage = response.to_openai_usage(self._counts)
        if candidates := response.candidates(response_data):
            return self._ensure_started(response_data) + self._translate_candidate(candidates[0])
        if explanation := response.block_reason(response_data):
            self._record_finish("content_filter")
            return self._ensure_started(response_data) + self._chunks.refusal_delta(explanation)
        return b""

    def _ensure_started(self, response_data: dict[str, Any]) -> bytes:
        if self._chunks.started:
            return b""
        id, model = response.completion_id(response_data), response_data.get("modelVersion")
        return self._chunks.start(id, model, response.served_tier(self._context))

    def _translate_candidate(self, candidate: dict[str, Any]) -> bytes:
        parts = response.parts(candidate)
        if self._cited is not None:
            self._cited.add(candidate, parts)
        runs = groupby(parts, key=_text_kind)
        output = b"".join([self._translate_run(kind, list(run)) for kind, run in runs]) + self._signature(parts)
        if reason := candidate.get("finishReason"):
            self._record_finish(response.finish_reason(candidate), response.unmapped_finish_reason(reason))
            if explanation := response.refusal(candidate):
                output += self._chunks.refusal_delta(explanation)
        return output

    def _record_finish(self, reason: str, unmapped: str | None = None) -> None:
        self._finish = reason, unmapped
        self._context.answer.finish_reason = reason

    def _translate_run(self, kind: str, parts: list[dict[str, Any]]) -> bytes:
        """Write consecutive texts of one kind as one chunk, so that an event of many short ones does not grow many times."""
        if not kind:
            return b"".join(map(self._translate_part, parts))
        text = "".join([part["text"] for part in parts])
        return self._chunks.reasoning_delta(text) if kind == "thought" else self._chunks.text_delta(text)

    def _translate_part(self, part: dict[str, Any]) -> bytes:
        if "functionCall" in part:
            call = response.to_tool_call(part, self._context, self._call_count)
            self._call_count += 1
            return self._chunks.complete_tool_call(self._call_count - 1, call)
        if "inlineData" in part:
            return self._chunks.delta("images", [response.to_image_part(part)])
        return b""

    def _signature(self, parts: list[dict[str, Any]]) -> bytes:
        """Write the signature of the text: clients replace an earlier one, so only the last of an event counts."""
        signed = [extra for part in parts if "functionCall" not in part and (extra := extra_content(part))]
        return self._chunks.delta("extra_content", signed[-1]["extra_content"]) if signed else b""


def _text_kind(part: dict[str, Any]) -> str:
    """Return `thought` or `text`, or "" for a part without text."""
    if not content_of(part.get("text")):
        return ""
    return "thought" if part.get("thought") else "text"


def parse_frame(frame: bytes) -> Any:
    """Return the JSON of a frame, None if it has no data, or False if it is invalid. Errors may come as JSON without `data:`."""
    if frame.startswith(b"data: "):
        try:
            return _exact(orjson.loads(frame[6:]), frame)  # JSON ignores the trailing line end
        except orjson.JSONDecodeError:
            pass
    data = data_of(frame)
    if data is None and frame.lstrip()[:1] in (b"{", b"["):
        data = frame
    return None if data is None else _parse_data(data)


def _parse_data(data: bytes) -> Any:
    response_data = parse_or_none(data)
    return False if response_data is None else _exact(response_data, data)


def _exact(response_data: Any, data: bytes) -> Any:
    if b'"functionCall"' in data:
        response_data = with_exact_integers(response_data, data_of(data) or data)
    return response.unwrap_list(response_data)


def has_content(event: Event) -> bool:
    """Return whether an event has text, a tool call, an image, a finish reason, a block reason or an error, or is invalid."""
    if event.data is None:
        return False
    response_data = _parse_data(event.data)
    if not isinstance(response_data, dict):
        return True
    try:
        if response_data.get("error") or response.block_reason(response_data):
            return True
        return any(map(_has_output, response.candidates(response_data)))
    except MalformedResponse:
        return True


def _has_output(candidate: dict[str, Any]) -> bool:
    if candidate.get("finishReason"):
        return True
    return any(part.get("text") or "functionCall" in part or "inlineData" in part for part in response.parts(candidate))
