"""Puts lines onto a stream, and never waits for whoever reads it: a line it cannot take is lost, and counted."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any, TextIO

_GONE = (OSError, ValueError)
"""What a stream raises that is gone, its pipe closed or its disk full."""


class NonblockingWriter:
    """Each line goes out at once; of lost ones the next line tells that finds its way."""

    def __init__(
        self, stream: TextIO, dropped_notice: Callable[[int], bytes], redact: Callable[[bytes], bytes] = bytes
    ) -> None:
        self._put = _open_write(stream)
        self._dropped_notice = dropped_notice
        self._redact = redact
        self._dropped = 0
        self._line_cut = False
        """A line went out in part, and its end is still due."""

    def __call__(self, line: bytes) -> None:
        """Put one line, its end included and without secrets."""
        line = self._redact(line)
        whole = self._dropped_notice(self._dropped) + line if self._dropped else line
        whole = b"\n" + whole if self._line_cut else whole
        out = self._put(whole)
        if out == len(whole):
            self._dropped, self._line_cut = 0, False
        else:
            self._dropped, self._line_cut = self._dropped + 1, self._line_cut or out > 0


def _open_write(stream: TextIO) -> Callable[[bytes], int]:
    """What puts as much onto the stream as it takes now, and says how many bytes that was."""
    try:
        number = stream.fileno()
        mode = os.fstat(number).st_mode
    except _GONE:
        return partial(_put_in_memory, _memory(stream))
    may_wait = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stream.isatty()
    if not may_wait or not hasattr(select, "poll"):
        return partial(_put, number, _always, inf)
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    # What is ready takes so many bytes without waiting, and may take no more.
    return partial(_put, number, lambda: bool(poll.poll(0)), select.PIPE_BUF)


def _always() -> bool:
    return True


def _put(number: int, ready: Callable[[], bool], most: float, data: bytes) -> int:
    # Past the stream's own buffer: what that could not give out it would give out later, behind our back.
    out, size = 0, len(data)
    try:
        while out < size and ready():
            out += os.write(number, data[out : int(min(size, out + most))])
    except _GONE:
        pass
    return out


def _memory(stream: TextIO) -> Callable[[bytes], Any]:
    """For a stream that the system does not know of."""
    buffer: Any = getattr(stream, "buffer", None)
    return buffer.write if buffer else lambda data: stream.write(data.decode())


def _put_in_memory(write: Callable[[bytes], Any], data: bytes) -> int:
    try:
        write(data)
    except _GONE:
        return 0
    return len(data)
