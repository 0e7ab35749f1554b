"""Translates a stream of the hub into Gemini's events, each of which is a response with what is new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import count_of, object_of, objects_of, text_of
from proxy.dialects.hub.chunk import DONE
from proxy.dialects.lenient_json import parse_or_none, serialize
from proxy.errors import ParrotError
from proxy.ingress.client_format import AnswerContext
from proxy.ingress.gemini.errors import error_event
from proxy.ingress.gemini.logprobs import logprobs_members
from proxy.ingress.gemini.response import Part, content, image_part, signed, thought_part
from proxy.ingress.gemini.signatures import signature_of
from proxy.ingress.gemini.streamed_calls import StreamedCalls
from proxy.ingress.gemini.usage import finish_reason, usage_metadata
from proxy.sse import data_of, encode, split_frames


class _Candidate:
    """What is known of one candidate."""

    __slots__ = ("calls", "finish_reason", "has_refusal", "signature")

    def __init__(self) -> None:
        self.calls = StreamedCalls()
        self.finish_reason = ""
        self.has_refusal = False
        self.signature = ""
        """Google's signature of the text, which comes with the last part."""


class GeminiStream:
    """Implements `FromHub`. Finish reasons come in the last event, with the usage, and only if all were seen."""

    def __init__(self, context: AnswerContext) -> None:
        self._context = context
        self._shows_thoughts = bool(context.echo.get("thoughts"))
        self.kept_chars = 0
        self._candidates: dict[int, _Candidate] = {}
        self._usage: Any = None
        self._model = context.model
        self._is_ended = False

    def feed(self, data: bytes) -> bytes:
        """Translate whole frames."""
        if data.find(b"\n\n") == len(data) - 2:  # the usual case, a single frame
            return self._translate_frame(data)
        return b"".join(map(self._translate_frame, split_frames(data)))

    def end(self) -> bytes:
        """Return the last event. It is b"" the second time, and for an answer without a finish reason."""
        candidates = self._candidates
        if self._is_ended or not candidates or not all(each.finish_reason for each in candidates.values()):
            return b""
        self._is_ended = True
        finished = [_finished(index, candidate) for index, candidate in sorted(candidates.items())]
        return self._event(finished, usage_metadata(self._usage, self._context.prompt_tokens))

    def fail(self, error: ParrotError) -> bytes:
        """Return the error event."""
        return error_event(error)

    def _translate_frame(self, frame: bytes) -> bytes:
        data = data_of(frame)
        if data is None:
            return b""
        if data == DONE:
            return self.end()
        chunk = object_of(parse_or_none(data))
        self._usage = chunk.get("usage") or self._usage
        self._model = text_of(chunk.get("model")) or self._model
        return b"".join(map(self._choice, objects_of(chunk.get("choices"))))

    def _choice(self, choice: Mapping[str, Any]) -> bytes:
        index = count_of(choice.get("index"))
        candidate = self._candidates.get(index)
        if candidate is None:
            candidate = self._candidates[index] = _Candidate()
        candidate.finish_reason = text_of(choice.get("finish_reason")) or candidate.finish_reason
        parts = self._parts(object_of(choice.get("delta")), candidate)
        if not parts:
            return b""
        return self._event([{"content": content(parts), "index": index, **logprobs_members(choice)}])

    def _parts(self, delta: Mapping[str, Any], candidate: _Candidate) -> list[Part]:
        parts = []
        if self._shows_thoughts and (thought := text_of(delta.get("reasoning_content"))):
            parts.append(thought_part(thought))
        refusal = text_of(delta.get("refusal"))
        candidate.has_refusal = candidate.has_refusal or bool(refusal)
        if text := text_of(delta.get("content")) or refusal:
            parts.append({"text": text})
        parts += map(image_part, objects_of(delta.get("images")))
        candidate.signature = signature_of(delta) or candidate.signature
        if blocks := objects_of(delta.get("thinking_blocks")):
            candidate.calls.thinking += blocks
            self.kept_chars += len(serialize(blocks))
        for fragment in objects_of(delta.get("tool_calls")):
            parts += candidate.calls.feed(fragment)
            self.kept_chars += len(text_of(object_of(fragment.get("function")).get("arguments")))
        return parts

    def _event(self, candidates: list[dict[str, Any]], usage: Mapping[str, Any] | None = None) -> bytes:
        counts = {"usageMetadata": usage} if usage is not None else {}
        members = {"candidates": candidates, **counts, "modelVersion": self._model, "responseId": self._context.id}
        return encode(serialize(members))


def _finished(index: int, candidate: _Candidate) -> dict[str, Any]:
    """Return the end of a candidate: the calls that were held back, or an empty text as Google sends it."""
    parts = candidate.calls.flush() or [signed({"text": ""}, candidate.signature)]
    reason = finish_reason(candidate.finish_reason, is_refusal=candidate.has_refusal)
    return {"content": content(parts), "finishReason": reason, "index": index}
