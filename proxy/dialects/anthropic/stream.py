"""A stream of the Messages API becomes a stream of OpenAI's chunks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from proxy.dialects.anthropic.response import error_from_event, refusal, to_openai_usage
from proxy.dialects.anthropic.tables import finish_reason
from proxy.dialects.coerce import content_of, object_of, text_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.frame_transform import FrameTransform
from proxy.dialects.hub.chunk_writer import ChunkWriter, error_event
from proxy.dialects.lenient_json import parse_or_none, serialize
from proxy.sse import Event, data_of

_DELTA = b"event: content_block_delta\ndata: "
_DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


class AnthropicStream(FrameTransform):
    """Events in, chunks out; what a client of OpenAI's format has no word for is passed over."""

    def __init__(self, reading: ResponseContext) -> None:
        super().__init__(reading)
        self._chunks = ChunkWriter(reading)
        self._counts: dict[str, Any] = {}
        self._calls: dict[Any, int] = {}
        """Index of a block -> number of the caller's tool call, which counts from 0."""
        self._pending_tool_input: dict[Any, Any] = {}
        """Index of a block -> the input its start gave, until a fragment comes instead."""

    def _translate_end(self, rest: bytes) -> bytes:
        """A last event may lack its blank line, if it is whole; nothing is made up for what did not come."""
        data = data_of(rest)
        return self._translate_frame(rest) if data is not None and parse_or_none(data) is not None else b""

    def _translate_frame(self, frame: bytes) -> bytes:
        event = _event(frame)
        if isinstance(event, dict):
            handle = _EVENTS.get(text_of(event.get("type")))
            if handle is not None:
                return handle(self, event)
            return self._error(event) if event.get("error") else b""
        self._context.answer.dropped_events += event is not _NO_DATA
        return b""

    def _begun(self) -> bytes:
        return b"" if self._chunks.started else self._chunks.start()

    def _start(self, event: dict[str, Any]) -> bytes:
        message = object_of(event.get("message"))
        if self._chunks.started:
            return b""
        self._count(message.get("usage"))
        return self._chunks.start(message.get("id"), message.get("model"))

    def _count(self, counts: Any) -> None:
        """Counts are cumulative, and each event may leave some out or give them as 0."""
        self._counts |= {name: count for name, count in object_of(counts).items() if count or name not in self._counts}
        self._context.answer.usage = to_openai_usage(self._counts)

    def _block(self, event: dict[str, Any]) -> bytes:
        block, index = object_of(event.get("content_block")), event.get("index")
        kind = block.get("type")
        if kind == "tool_use":
            id = content_of(block.get("id")) or f"call_{self._context.id}_{len(self._calls)}"
            start = self._begun() + self._chunks.tool_call_start(len(self._calls), id, content_of(block.get("name")))
            self._calls[index] = len(self._calls)
            self._pending_tool_input[index] = block.get("input") or {}
            return start
        return self._piece("text" if kind == "text" else "thinking", block) if kind in ("text", "thinking") else b""

    def _delta(self, event: dict[str, Any]) -> bytes:
        delta = event.get("delta")
        if not isinstance(delta, dict):
            self._context.answer.dropped_events += 1
            return b""
        kind = _DELTAS.get(text_of(delta.get("type")))
        if kind == "partial_json":
            return self._begun() + self._arguments(event.get("index"), content_of(delta.get(kind)))
        return self._piece(kind, delta) if kind else b""

    def _piece(self, kind: str, holder: dict[str, Any]) -> bytes:
        """A piece of text or of thinking, from a block's start or a delta."""
        piece = content_of(holder.get(kind))
        if not piece:
            return b""
        return self._begun() + (
            self._chunks.text_delta(piece) if kind == "text" else self._chunks.reasoning_delta(piece)
        )

    def _arguments(self, index: Any, fragment: str) -> bytes:
        """Fragments of the provider's own tools are not the caller's."""
        if not fragment or index not in self._calls:
            return b""
        self._pending_tool_input.pop(index, None)
        return self._chunks.arguments_delta(self._calls[index], fragment)

    def _stop(self, event: dict[str, Any]) -> bytes:
        """A tool without parameters has no fragments: its arguments are what its start said, mostly {}."""
        index = event.get("index")
        if index not in self._pending_tool_input:
            return b""
        return self._arguments(index, serialize(self._pending_tool_input[index]).decode())

    def _finish(self, event: dict[str, Any]) -> bytes:
        delta = object_of(event.get("delta"))
        self._count(event.get("usage"))
        if not delta.get("stop_reason") or self._context.answer.finish_reason:
            return b""
        late = b"".join([self._stop({"index": index}) for index in list(self._pending_tool_input)])
        why = refusal(delta)
        said = self._begun() + late + (self._chunks.refusal_delta(why) if why else b"")
        return said + self._chunks.finish(finish_reason(text_of(delta["stop_reason"])))

    def _done(self, event: dict[str, Any]) -> bytes:
        """Without a reason to have finished it is no end, whatever it is called."""
        if not self._context.answer.finish_reason:
            return b""
        return self._chunks.usage_chunk(to_openai_usage(self._counts)) + self._chunks.done()

    def _error(self, event: dict[str, Any]) -> bytes:
        return error_event(error_from_event(event), self._context)


_EVENTS: Mapping[str, Callable[[AnthropicStream, dict[str, Any]], bytes]] = {
    "message_start": AnthropicStream._start,
    "content_block_start": AnthropicStream._block,
    "content_block_delta": AnthropicStream._delta,
    "content_block_stop": AnthropicStream._stop,
    "message_delta": AnthropicStream._finish,
    "message_stop": AnthropicStream._done,
    "error": AnthropicStream._error,
}


def has_content(event: Event) -> bool:
    """Text, thinking, a tool call, a finish or an error; an opening, a ping or an empty block is none of it."""
    said = parse_or_none(event.data) if event.data is not None else None
    if not isinstance(said, dict):
        return False
    kind, block, delta = said.get("type"), object_of(said.get("content_block")), object_of(said.get("delta"))
    if kind == "content_block_start":
        return block.get("type") == "tool_use" or bool(block.get("text") or block.get("thinking"))
    if kind == "content_block_delta":
        return bool(delta.get(_DELTAS.get(text_of(delta.get("type")), "")))
    return bool(kind == "error" or said.get("error") or (kind == "message_delta" and delta.get("stop_reason")))


_NO_DATA = object()


def _event(frame: bytes) -> Any:
    """The JSON of a frame; None where it is not JSON, and `_NO_DATA` for a frame without data."""
    if frame.startswith(_DELTA):  # nearly all are such; the line ends behind are white space to JSON
        try:
            return orjson.loads(frame[len(_DELTA) :])
        except orjson.JSONDecodeError:
            pass
    data = data_of(frame)
    return _NO_DATA if data is None else parse_or_none(data)
