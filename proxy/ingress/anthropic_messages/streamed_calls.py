"""The tool calls of a stream, put in order: the hub's may come in turns, Anthropic's blocks come one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import count_of, object_of, text_of
from proxy.dialects.json_progress import JsonProgress
from proxy.ingress.anthropic_messages.event_writer import EventWriter
from proxy.ingress.anthropic_messages.response import carrier_of


class _Call:
    """One call, from its first fragment on."""

    __slots__ = ("first", "held", "is_waiting", "progress")

    def __init__(self, first: Mapping[str, Any]) -> None:
        self.first = first
        """Its first fragment, with its id and its name."""
        self.held: list[str] = []
        """Arguments that wait until its block is open."""
        self.progress = JsonProgress()
        self.is_waiting = True
        """Whether its block is still to be opened."""


class StreamedCalls:
    """Writes a call as it arrives if it is the first that is not complete. Those after it wait."""

    def __init__(self, writer: EventWriter) -> None:
        self._writer = writer
        self._calls: dict[int, _Call] = {}
        self._waiting: deque[_Call] = deque()
        self._partial: set[int] = set()
        """Indexes of the calls of whose arguments more must follow."""
        self._open: _Call | None = None

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def is_partial(self) -> bool:
        """Whether more of the arguments of a call must follow."""
        return bool(self._partial)

    @property
    def _is_open_partial(self) -> bool:
        return self._open is not None and not self._open.progress.is_complete

    def feed(self, fragment: Mapping[str, Any]) -> bytes:
        """Take a fragment of a call."""
        index, arguments = (
            count_of(fragment.get("index")),
            text_of(object_of(fragment.get("function")).get("arguments")),
        )
        call = self._calls.get(index)
        if call is None:
            call = self._calls[index] = _Call(fragment)
            self._waiting.append(call)
        if not call.is_waiting and call is not self._open:
            return b""  # a complete call, after which nothing may follow
        call.progress.feed(arguments)
        (self._partial.discard if call.progress.is_complete else self._partial.add)(index)
        if call is self._open:
            return self._writer.piece("tool_use", arguments) if arguments else b""
        call.held.append(arguments)
        return b"" if self._is_open_partial else self._open_next()

    def flush(self) -> bytes:
        """Write the calls that wait. Nothing more of any is taken."""
        waiting = b"".join([self._open_next() for _ in range(len(self._waiting))])
        return waiting + (b"" if self._open is None else self._close())

    def _open_next(self) -> bytes:
        call = self._waiting.popleft()
        call.is_waiting = False
        closed = self._close() + b"".join(map(self._writer.whole, carrier_of(call.first)))
        self._open = call
        name = text_of(object_of(call.first.get("function")).get("name"))
        block = {"type": "tool_use", "id": text_of(call.first.get("id")), "name": name, "input": {}}
        arguments = "".join(call.held)
        return closed + self._writer.open(block) + (self._writer.piece("tool_use", arguments) if arguments else b"")

    def _close(self) -> bytes:
        self._open = None
        return self._writer.close()
