"""Writes log lines to a stream without ever blocking: a line that the reader does not accept is dropped."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any, TextIO

_WRITE_ERRORS = (OSError, ValueError)
"""What writing raises when the stream is closed, its pipe broken or its disk full."""


class NonblockingWriter:
    """A binary file for whole lines. Dropped lines are counted.

    A pipe, socket or terminal is written to only while it accepts data at once. If a line was cut in the middle, the next
    one starts on a new line. The first line that fits after dropped ones is preceded by a notice with their number.
    """

    def __init__(
        self, stream: TextIO, dropped_notice: Callable[[int], bytes], redact: Callable[[bytes], bytes] = bytes
    ) -> None:
        self._put = _open_write(stream)
        self._dropped_notice = dropped_notice
        self._redact = redact
        self._dropped = 0
        self._line_cut = False
        """Whether the last line was written in part."""

    def write(self, line: bytes) -> int:
        """Write one or more lines, each with its line feed, after redaction. Return the length of `line`."""
        lines = self._redact(line)
        notice = self._dropped_notice(self._dropped) if self._dropped else b""
        data = b"".join((b"\n" if self._line_cut else b"", notice, lines))
        written = self._put(data)
        written_of_lines = written - (len(data) - len(lines))
        if written_of_lines >= 0:
            self._dropped = 0  # the notice was written
        self._dropped += lines.count(b"\n", max(0, written_of_lines))
        if written:
            self._line_cut = data[written - 1 : written] != b"\n"
        return len(line)

    def flush(self) -> None:
        """Do nothing: no line is buffered."""


def _open_write(stream: TextIO) -> Callable[[bytes], int]:
    """Return a function that writes what the stream accepts now, and returns the number of bytes."""
    try:
        number = stream.fileno()
        mode = os.fstat(number).st_mode
    except _WRITE_ERRORS:
        return partial(_put_in_memory, _memory_write(stream))
    may_block = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stream.isatty()
    if not may_block or not hasattr(select, "poll"):
        return partial(_put, number, lambda: True, inf)
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    # A pipe that is ready accepts PIPE_BUF bytes without blocking, and possibly no more.
    return partial(_put, number, lambda: bool(poll.poll(0)), select.PIPE_BUF)


def _put(number: int, ready: Callable[[], bool], max_bytes: float, data: bytes) -> int:
    # Not through the stream's own buffer, which would write later, and block, what it cannot write now.
    written, size = 0, len(data)
    try:
        while written < size and ready():
            written += os.write(number, data[written : int(min(size, written + max_bytes))])
    except _WRITE_ERRORS:
        pass
    return written


def _memory_write(stream: TextIO) -> Callable[[bytes], Any]:
    """Return the write function of a stream that has no file descriptor."""
    buffer: Any = getattr(stream, "buffer", None)
    return buffer.write if buffer else lambda data: stream.write(data.decode())


def _put_in_memory(write: Callable[[bytes], Any], data: bytes) -> int:
    try:
        write(data)
    except _WRITE_ERRORS:
        return 0
    return len(data)
