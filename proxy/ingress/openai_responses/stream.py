"""Translates the hub's stream to the typed events of the Responses API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of, objects_of, text_of
from proxy.dialects.hub.chunk import DONE
from proxy.dialects.hub.usage import merge_usage
from proxy.dialects.lenient_json import parse_or_none
from proxy.errors import ParrotError
from proxy.ingress.client_format import AnswerContext
from proxy.ingress.openai_responses.answer import Answer
from proxy.ingress.openai_responses.errors import error_members, response_error
from proxy.ingress.openai_responses.events import EventWriter
from proxy.ingress.openai_responses.output import Item, response_members
from proxy.ingress.openai_responses.response import final_status, finished_response
from proxy.sse import data_of, is_comment, split_frames


class ResponsesStream:
    """One response. Implements `client_format.FromHub`.

    The first chunk starts it. `response.completed` or `response.incomplete` is written by `end` alone.
    """

    def __init__(self, context: AnswerContext) -> None:
        self._context = context
        self._events = EventWriter()
        self._answer = Answer(context, self._events)
        self._model = context.model
        self._completion: dict[str, Any] = {}
        """Usage and service tier, as the hub's chunks have them."""
        self._finish_reason = ""
        self._is_started = self._is_over = False

    @property
    def kept_chars(self) -> int:
        """Characters of the answer, all of which the last event repeats."""
        return self._answer.kept_chars

    def feed(self, data: bytes) -> bytes:
        """Translate whole frames: chunks, `[DONE]`, comments."""
        return b"".join([self._frame(frame) for frame in split_frames(data)])

    def end(self) -> bytes:
        """Return the events that end a complete stream, b"" if it has ended already."""
        if self._is_over:
            return b""
        written = self._start({}) + self._answer.close(self._finish_reason)
        status = final_status(self._finish_reason)
        members = response_members(self._context, self._model, status)
        response = finished_response(members, self._finish_reason, self._completion)
        self._is_over = True
        return written + self._write_response(f"response.{status}", {**response, "output": self._answer.output()})

    def fail(self, error: ParrotError) -> bytes:
        """Return the error as an event, and the response as one that has failed if it had begun."""
        return self._fail(error.members())

    def _frame(self, frame: bytes) -> bytes:
        data = data_of(frame)
        if data is None:
            return frame if is_comment(frame) else b""
        chunk = object_of(parse_or_none(data)) if data != DONE and not self._is_over else {}
        if error := chunk.get("error"):
            return self._fail(object_of(error) or {"message": str(error)})
        return self._chunk(chunk) if chunk else b""

    def _chunk(self, chunk: Mapping[str, Any]) -> bytes:
        written = self._start(chunk)
        usage = merge_usage(self._completion.get("usage"), object_of(chunk.get("usage")))
        self._completion |= {
            "usage": usage,
            "service_tier": chunk.get("service_tier") or self._completion.get("service_tier"),
        }
        for choice in objects_of(chunk.get("choices")):
            if not choice.get("index"):
                written += self._answer.add(object_of(choice.get("delta")), choice.get("logprobs"))
                self._finish_reason = text_of(choice.get("finish_reason")) or self._finish_reason
        return written

    def _start(self, chunk: Mapping[str, Any]) -> bytes:
        if self._is_started:
            return b""
        self._is_started = True
        self._model = text_of(chunk.get("model")) or self._model
        if provider := text_of(chunk.get("provider")):
            self._events.set_provider(provider)
        response = response_members(self._context, self._model, "in_progress")
        return self._write_response("response.created", response) + self._write_response(
            "response.in_progress", response
        )

    def _fail(self, members: Mapping[str, Any]) -> bytes:
        if self._is_over:
            return b""
        self._is_over = True
        written = self._events.write("error", error_members(members))
        if not self._is_started:
            return written
        response = response_members(self._context, self._model, "failed")
        failed = {**response, "error": response_error(members), "output": self._answer.output()}
        return written + self._write_response("response.failed", failed)

    def _write_response(self, kind: str, response: Item) -> bytes:
        return self._events.write(kind, {"response": response})
