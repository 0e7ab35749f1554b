"""A timer for a deadline that moves with every byte, without rescheduling an event loop timer for each move."""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from math import inf


class DeadlineTimer:
    """Calls `on_expired` once the time returned by `deadline` has passed.

    A deadline that moves later needs no call: when the loop timer fires, the deadline is read again and the timer is
    set for the rest. One that moves earlier needs `reschedule`. So an idle timeout costs one loop timer per timeout
    and none per byte. Times are `loop.time()`, infinity for no deadline.
    """

    __slots__ = ("_deadline", "_loop", "_on_expired", "_scheduled_at", "_timer")

    def __init__(self, loop: AbstractEventLoop, deadline: Callable[[], float], on_expired: Callable[[], None]) -> None:
        self._loop = loop
        self._deadline = deadline
        self._on_expired = on_expired
        self._scheduled_at = inf
        self._timer: TimerHandle | None = None

    def reschedule(self) -> None:
        """Start the timer, or bring it forward if the deadline is now earlier than it was."""
        deadline = self._deadline()
        if deadline < self._scheduled_at:
            self.stop()
            self._scheduled_at = deadline
            self._timer = self._loop.call_at(deadline, self._check)

    def stop(self) -> None:
        """Stop the timer; `reschedule` starts it again."""
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
