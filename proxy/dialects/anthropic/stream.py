"""A stream of the Messages API becomes a stream of OpenAI's chunks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from proxy.dialects.anthropic.response import fault, refusal, tokens
from proxy.dialects.anthropic.tables import finish
from proxy.dialects.chunks import Chunks, failed
from proxy.dialects.contract import Reading
from proxy.sse import Event, Framer, data_of

_DELTA = b"event: content_block_delta\ndata: "
_DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


class Translating:
    """Events in, chunks out; what a client of OpenAI's format has no word for is passed over."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._framer = Framer()
        self._chunks = Chunks(reading)
        self._counts: dict[str, Any] = {}
        self._calls: dict[int, int] = {}
        """Index of a block -> number of the caller's tool call, which counts from 0."""
        self._unsaid: dict[int, Any] = {}
        """Index of a block -> the input its start gave, until a fragment comes instead."""
        self._events: dict[str, Callable[[dict[str, Any]], bytes]] = {
            "message_start": self._start,
            "content_block_start": self._block,
            "content_block_delta": self._delta,
            "content_block_stop": self._stop,
            "message_delta": self._finish,
            "message_stop": self._done,
            "error": self._error,
        }

    def feed(self, data: bytes) -> bytes:
        return b"".join(map(self._frame, self._framer.feed(data)))

    def end(self) -> bytes:
        """A last event may lack its blank line, if it is whole; nothing is made up for what did not come."""
        rest = self._framer.rest()
        data = data_of(rest)
        return self._frame(rest) if data is not None and _json(data) is not None else b""

    def _frame(self, frame: bytes) -> bytes:
        seen = self._reading.answer
        if seen.done or seen.error:
            return b""
        try:
            event = _event(frame)
            handle = self._events.get(event["type"]) if event is not None else None
            return handle(event) if handle else b""
        except (KeyError, TypeError, AttributeError, orjson.JSONDecodeError):  # another shape than the API's
            seen.dropped += 1
            return b""

    def _begun(self) -> bytes:
        return b"" if self._chunks.begun else self._chunks.begin()

    def _start(self, event: dict[str, Any]) -> bytes:
        message = event["message"]
        if self._chunks.begun:
            return b""
        self._count(message.get("usage"))
        return self._chunks.begin(message.get("id"), message.get("model"))

    def _count(self, counts: dict[str, Any] | None) -> None:
        """Counts are cumulative, and each event may leave some out."""
        self._counts |= {name: count for name, count in (counts or {}).items() if count is not None}
        self._reading.answer.usage = tokens(self._counts)

    def _block(self, event: dict[str, Any]) -> bytes:
        block, index = event["content_block"], event["index"]
        if block["type"] == "tool_use":
            start = self._begun() + self._chunks.tool(len(self._calls), block["id"], block["name"])
            self._calls[index] = len(self._calls)
            self._unsaid[index] = block.get("input") or {}
            return start
        if block["type"] == "text" and block.get("text"):
            return self._begun() + self._chunks.text(block["text"])
        return b""

    def _delta(self, event: dict[str, Any]) -> bytes:
        delta = event["delta"]
        kind = delta["type"]
        if not self._chunks.begun:
            return self._begun() + self._delta(event)
        if kind == "text_delta":
            return self._chunks.text(delta["text"]) if delta["text"] else b""
        if kind == "input_json_delta":
            return self._arguments(event["index"], delta["partial_json"])
        return self._chunks.reasoning(delta["thinking"]) if kind == "thinking_delta" and delta["thinking"] else b""

    def _arguments(self, index: int, fragment: str) -> bytes:
        """Fragments of the provider's own tools are not the caller's."""
        if not fragment or index not in self._calls:
            return b""
        self._unsaid.pop(index, None)
        return self._chunks.arguments(self._calls[index], fragment)

    def _stop(self, event: dict[str, Any]) -> bytes:
        """A tool without parameters has no fragments: its arguments are what its start said, mostly {}."""
        index = event["index"]
        if index not in self._unsaid:
            return b""
        return self._arguments(index, orjson.dumps(self._unsaid[index]).decode())

    def _finish(self, event: dict[str, Any]) -> bytes:
        delta = event.get("delta") or {}
        self._count(event.get("usage"))
        if not delta.get("stop_reason") or self._reading.answer.finish:
            return b""
        late = b"".join([self._stop({"index": index}) for index in list(self._unsaid)])
        why = refusal(delta)
        said = self._begun() + late + (self._chunks.refusal(why) if why else b"")
        return said + self._chunks.finish(finish(delta["stop_reason"]))

    def _done(self, event: dict[str, Any]) -> bytes:
        """Without a reason to have finished it is no end, whatever it is called."""
        if not self._reading.answer.finish:
            return b""
        return self._chunks.usage(tokens(self._counts)) + self._chunks.done()

    def _error(self, event: dict[str, Any]) -> bytes:
        return failed(fault(event), self._reading)


def begins(event: Event) -> bool:
    """Text, thinking, a tool call, a finish or an error; an opening, a ping or an empty block is none of it."""
    said = _json(event.data) if event.data is not None else None
    if not isinstance(said, dict):
        return False
    block, delta = _object(said.get("content_block")), _object(said.get("delta"))
    if said.get("type") == "content_block_start":
        return block.get("type") == "tool_use" or bool(block.get("text"))
    if said.get("type") == "content_block_delta":
        return bool(delta.get(_DELTAS.get(str(delta.get("type")), "")))
    return said.get("type") == "error" or bool(said.get("type") == "message_delta" and delta.get("stop_reason"))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _event(frame: bytes) -> Any:
    """The JSON of a frame; None for a frame without data. Raises JSONDecodeError."""
    if frame.startswith(_DELTA):  # nearly all are such; the line ends behind are white space to JSON
        parsed = _json(frame[len(_DELTA) :])
        if parsed is not None:
            return parsed
    data = data_of(frame)
    return None if data is None else orjson.loads(data)


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
