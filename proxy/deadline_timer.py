"""One timer that looks at the clock when it rings, instead of being set anew with every byte."""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from math import inf


class DeadlineTimer:
    """Rings once `due()` has passed; `due()` may move away freely, and `reschedule` must be told when it has come nearer."""

    __slots__ = ("_deadline", "_loop", "_on_expired", "_scheduled_at", "_timer")

    def __init__(self, loop: AbstractEventLoop, deadline: Callable[[], float], on_expired: Callable[[], None]) -> None:
        self._loop = loop
        self._deadline = deadline
        self._on_expired = on_expired
        self._scheduled_at = inf
        self._timer: TimerHandle | None = None

    def reschedule(self) -> None:
        """`due()` may be sooner than it was."""
        due = self._deadline()
        if due < self._scheduled_at:
            self.stop()
            self._scheduled_at = due
            self._timer = self._loop.call_at(due, self._check)

    def stop(self) -> None:
        """No more ringing, until `reschedule` is called again."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._scheduled_at = inf

    def _check(self) -> None:
        self._timer = None
        self._scheduled_at = inf
        if self._deadline() <= self._loop.time():
            self._on_expired()
        self.reschedule()
