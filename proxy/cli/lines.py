"""Puts lines onto a stream, and never waits for whoever reads it: a line it cannot take is lost, and counted."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable
from functools import partial
from typing import Any, TextIO

_GONE = (OSError, ValueError)
"""What a stream raises that is gone, its pipe closed or its disk full."""


class Lines:
    """Each line goes out at once; of lost ones the next line tells that finds its way.

    A pipe takes up to 4096 bytes without waiting where it takes anything (Linux, pipe(7)), and few lines are longer."""

    def __init__(self, stream: TextIO, told: Callable[[int], bytes]) -> None:
        self._ready, self._put = _ways(stream)
        self._told = told
        self._lost = 0

    def __call__(self, line: bytes) -> None:
        """Put one line, its end included."""
        if not self._ready():
            self._lost += 1
            return
        whole = self._told(self._lost) + line if self._lost else line
        try:
            self._put(whole)
        except _GONE:
            self._lost += 1
        else:
            self._lost = 0


def _ways(stream: TextIO) -> tuple[Callable[[], bool], Callable[[bytes], Any]]:
    """What says whether the stream takes a line now, and what puts one."""
    try:
        number = stream.fileno()
        mode = os.fstat(number).st_mode
    except _GONE:
        return _always, _in_memory(stream)
    may_wait = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stream.isatty()
    if not may_wait or not hasattr(select, "poll"):
        return _always, partial(_put, number)
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    return lambda: bool(poll.poll(0)), partial(_put, number)


def _always() -> bool:
    return True


def _put(number: int, data: bytes) -> None:
    # Past the stream's own buffer: what that could not give out it would give out later, behind our back.
    while data:
        data = data[os.write(number, data) :]


def _in_memory(stream: TextIO) -> Callable[[bytes], Any]:
    """For a stream that the system does not know of."""
    buffer: Any = getattr(stream, "buffer", None)
    return buffer.write if buffer else lambda data: stream.write(data.decode())
