"""Translates a stream of the hub into the events of a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of, objects_of, text_of
from proxy.dialects.hub.chunk import DONE
from proxy.dialects.lenient_json import parse_or_none
from proxy.errors import ParrotError
from proxy.ingress.anthropic_messages.errors import error_event
from proxy.ingress.anthropic_messages.event_writer import EventWriter
from proxy.ingress.anthropic_messages.response import Block, thinking_of
from proxy.ingress.anthropic_messages.streamed_calls import StreamedCalls
from proxy.ingress.anthropic_messages.usage import stop_reason, to_counts
from proxy.ingress.client_format import AnswerContext
from proxy.sse import data_of, split_frames


class MessageStream:
    """Implements `FromHub`. `message_delta` and `message_stop` come at the end alone, and only if a finish was seen."""

    def __init__(self, context: AnswerContext) -> None:
        self._prompt_tokens = context.prompt_tokens
        self._writer = EventWriter(context)
        self._calls = StreamedCalls(self._writer)
        self._display: str | None = context.echo.get("thinking")
        self.kept_chars = 0
        self._late_text: list[str] = []
        """Text that came within the arguments of a call, and is written after it."""
        self._has_refusal = self._is_started = self._is_ended = False
        self._finish_reason = ""
        self._usage: Any = None

    def feed(self, data: bytes) -> bytes:
        """Translate whole frames."""
        if data.find(b"\n\n") == len(data) - 2:  # the usual case, a single frame
            return self._translate_frame(data)
        return b"".join(map(self._translate_frame, split_frames(data)))

    def end(self) -> bytes:
        """Return the end of the message. It is b"" the second time, and for an answer without a finish reason."""
        if self._is_ended or not self._finish_reason:
            return b""
        self._is_ended = True
        late = "".join(self._late_text)
        rest = self._calls.flush() + (self._writer.piece("text", late) if late else b"")
        reason = stop_reason(self._finish_reason, has_calls=len(self._calls) > 0, is_refusal=self._has_refusal)
        return rest + self._writer.end(reason, to_counts(self._usage, self._prompt_tokens))

    def fail(self, error: ParrotError) -> bytes:
        """Return the error event, which may come within a block."""
        return error_event(error)

    def _translate_frame(self, frame: bytes) -> bytes:
        data = data_of(frame)
        if data is None:
            return b""
        if data == DONE:
            return self.end()
        chunk = object_of(parse_or_none(data))
        self._usage = chunk.get("usage") or self._usage
        choices = objects_of(chunk.get("choices"))
        if not choices or choices[0].get("index", 0) != 0:
            return b""
        start = b"" if self._is_started else self._writer.start(chunk)
        self._is_started = True
        self._finish_reason = text_of(choices[0].get("finish_reason")) or self._finish_reason
        return start + self._delta(object_of(choices[0].get("delta")))

    def _delta(self, delta: Mapping[str, Any]) -> bytes:
        events = []
        if self._display is not None:
            events.append(self._thinking(delta))
        if text := text_of(delta.get("content")):
            events.append(self._text(text))
        if refusal := text_of(delta.get("refusal")):
            self._has_refusal = True
            events.append(self._text(refusal))
        if calls := delta.get("tool_calls"):
            events += map(self._calls.feed, objects_of(calls))
        return b"".join(events)

    def _text(self, text: str) -> bytes:
        if self._calls.is_partial or self._late_text:
            self._late_text.append(text)
            self.kept_chars += len(text)
            return b""
        return self._calls.flush() + self._writer.piece("text", text)

    def _thinking(self, delta: Mapping[str, Any]) -> bytes:
        """Write what the model thinks. Its signature, if it has one, follows the text that it signs."""
        text = text_of(delta.get("reasoning_content"))
        written = self._thought(text) if text and not self._calls.is_partial else b""
        return written + b"".join(map(self._signed, objects_of(delta.get("thinking_blocks"))))

    def _thought(self, text: str) -> bytes:
        is_shown = self._display != "omitted"
        return self._calls.flush() + (
            self._writer.piece("thinking", text) if is_shown else self._writer.ensure_open("thinking")
        )

    def _signed(self, block: Block) -> bytes:
        if self._writer.kind == "thinking" and block.get("type") == "thinking":
            return self._writer.close(text_of(block.get("signature")))
        return b"".join(map(self._writer.whole, thinking_of({"thinking_blocks": [block]}, self._display or "")))
