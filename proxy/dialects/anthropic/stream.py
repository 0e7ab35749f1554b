"""A stream of the Messages API becomes a stream of OpenAI's chunks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from proxy.dialects.anthropic.response import fault, refusal, tokens
from proxy.dialects.anthropic.tables import finish
from proxy.dialects.chunks import Chunks, failed
from proxy.dialects.contract import Reading
from proxy.dialects.parse import parse_or_none, write
from proxy.dialects.shapes import content_of, object_of, text_of
from proxy.dialects.stage import FrameStage
from proxy.sse import Event, data_of

_DELTA = b"event: content_block_delta\ndata: "
_DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


class Translating(FrameStage):
    """Events in, chunks out; what a client of OpenAI's format has no word for is passed over."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self._chunks = Chunks(reading)
        self._counts: dict[str, Any] = {}
        self._calls: dict[Any, int] = {}
        """Index of a block -> number of the caller's tool call, which counts from 0."""
        self._unsaid: dict[Any, Any] = {}
        """Index of a block -> the input its start gave, until a fragment comes instead."""

    def _at_end(self, rest: bytes) -> bytes:
        """A last event may lack its blank line, if it is whole; nothing is made up for what did not come."""
        data = data_of(rest)
        return self._frame(rest) if data is not None and parse_or_none(data) is not None else b""

    def _frame(self, frame: bytes) -> bytes:
        event = _event(frame)
        if isinstance(event, dict):
            handle = _EVENTS.get(text_of(event.get("type")))
            if handle is not None:
                return handle(self, event)
            return self._error(event) if event.get("error") else b""
        self._reading.answer.dropped += event is not _NO_DATA
        return b""

    def _begun(self) -> bytes:
        return b"" if self._chunks.begun else self._chunks.begin()

    def _start(self, event: dict[str, Any]) -> bytes:
        message = object_of(event.get("message"))
        if self._chunks.begun:
            return b""
        self._count(message.get("usage"))
        return self._chunks.begin(message.get("id"), message.get("model"))

    def _count(self, counts: Any) -> None:
        """Counts are cumulative, and each event may leave some out or give them as 0."""
        self._counts |= {name: count for name, count in object_of(counts).items() if count or name not in self._counts}
        self._reading.answer.usage = tokens(self._counts)

    def _block(self, event: dict[str, Any]) -> bytes:
        block, index = object_of(event.get("content_block")), event.get("index")
        kind = block.get("type")
        if kind == "tool_use":
            id = content_of(block.get("id")) or f"call_{self._reading.id}_{len(self._calls)}"
            start = self._begun() + self._chunks.tool(len(self._calls), id, content_of(block.get("name")))
            self._calls[index] = len(self._calls)
            self._unsaid[index] = block.get("input") or {}
            return start
        return self._piece("text" if kind == "text" else "thinking", block) if kind in ("text", "thinking") else b""

    def _delta(self, event: dict[str, Any]) -> bytes:
        delta = event.get("delta")
        if not isinstance(delta, dict):
            self._reading.answer.dropped += 1
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
        return self._begun() + (self._chunks.text(piece) if kind == "text" else self._chunks.reasoning(piece))

    def _arguments(self, index: Any, fragment: str) -> bytes:
        """Fragments of the provider's own tools are not the caller's."""
        if not fragment or index not in self._calls:
            return b""
        self._unsaid.pop(index, None)
        return self._chunks.arguments(self._calls[index], fragment)

    def _stop(self, event: dict[str, Any]) -> bytes:
        """A tool without parameters has no fragments: its arguments are what its start said, mostly {}."""
        index = event.get("index")
        if index not in self._unsaid:
            return b""
        return self._arguments(index, write(self._unsaid[index]).decode())

    def _finish(self, event: dict[str, Any]) -> bytes:
        delta = object_of(event.get("delta"))
        self._count(event.get("usage"))
        if not delta.get("stop_reason") or self._reading.answer.finish:
            return b""
        late = b"".join([self._stop({"index": index}) for index in list(self._unsaid)])
        why = refusal(delta)
        said = self._begun() + late + (self._chunks.refusal(why) if why else b"")
        return said + self._chunks.finish(finish(text_of(delta["stop_reason"])))

    def _done(self, event: dict[str, Any]) -> bytes:
        """Without a reason to have finished it is no end, whatever it is called."""
        if not self._reading.answer.finish:
            return b""
        return self._chunks.usage(tokens(self._counts)) + self._chunks.done()

    def _error(self, event: dict[str, Any]) -> bytes:
        return failed(fault(event), self._reading)


_EVENTS: Mapping[str, Callable[[Translating, dict[str, Any]], bytes]] = {
    "message_start": Translating._start,
    "content_block_start": Translating._block,
    "content_block_delta": Translating._delta,
    "content_block_stop": Translating._stop,
    "message_delta": Translating._finish,
    "message_stop": Translating._done,
    "error": Translating._error,
}


def begins(event: Event) -> bool:
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
