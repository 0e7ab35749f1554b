"""One timer that looks at the clock when it rings, instead of being set anew with every byte."""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from math import inf


class Alarm:
    """Rings once `due()` has passed; `due()` may move away freely, and `heed` must be told when it has come nearer."""

    __slots__ = ("_at", "_due", "_loop", "_ring", "_timer")

    def __init__(self, loop: AbstractEventLoop, due: Callable[[], float], ring: Callable[[], None]) -> None:
        self._loop = loop
        self._due = due
        self._ring = ring
        self._at = inf
        self._timer: TimerHandle | None = None

    def heed(self) -> None:
        """`due()` may be sooner than it was."""
        due = self._due()
        if due < self._at:
            self.stop()
            self._at = due
            self._timer = self._loop.call_at(due, self._look)

    def stop(self) -> None:
        """No more ringing, until `heed` is called again."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._at = inf

    def _look(self) -> None:
        self._timer = None
        self._at = inf
        if self._due() <= self._loop.time():
            self._ring()
        self.heed()
