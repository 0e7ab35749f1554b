"""Collects log lines and writes them together, because a system call for each line costs more than the line."""

from __future__ import annotations

import asyncio
import atexit
from dataclasses import dataclass, field
from typing import Protocol

INTERVAL_S = 0.05
"""The longest time that a line waits."""
MAX_BYTES = 64 * 1024
"""Collected bytes that are written without waiting."""


class LineWriter(Protocol):
    """Writes whole lines."""

    def write(self, line: bytes) -> int:
        """Write one or more lines."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class BatchedWriter:
    """A binary file for whole lines. While an event loop runs they are written every `INTERVAL_S`, otherwise at once.

    What is left when the process exits is written then. A process that is killed loses the lines of one interval.
    """

    writer: LineWriter
    _lines: list[bytes] = field(default_factory=list)
    _size: int = 0
    _timer: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        atexit.register(self.write_out)

    def write(self, line: bytes) -> int:
        """Collect one line, which ends with a line feed. Return its length."""
        self._lines.append(line)
        self._size += len(line)
        if self._timer is None:
            self._schedule()
        if self._size >= MAX_BYTES:
            self.write_out()
        return len(line)

    def flush(self) -> None:
        """Do nothing: the logger calls it after each line. `write_out` writes."""

    def write_out(self) -> None:
        """Write the collected lines now."""
        self._timer = None
        if self._lines:
            data = b"".join(self._lines)
            self._lines.clear()
            self._size = 0
            self.writer.write(data)

    def _schedule(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.write_out()
        else:
            self._timer = loop.call_later(INTERVAL_S, self.write_out)
