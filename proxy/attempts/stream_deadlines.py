"""When a stream in progress has gone on, or sent nothing but pings, for too long. Times are those of the event loop."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from proxy.exchange import Attempt

TRAILER_TIMEOUT_S = 1.0
"""How long a complete answer may go on for its usage and its `[DONE]`."""

REASONING_S = 600.0
"""How long a model that was asked to think may send nothing but pings before its text begins."""


class StreamDeadlines:
    """The deadlines of one stream, whichever attempts it comes from. Time paused does not count."""

    __slots__ = ("_now", "content_at", "paused_at", "trailer_due")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.content_at = now()
        """When the last content came."""
        self.paused_at: float | None = None
        """Since when the caller takes nothing."""
        self.trailer_due = inf
        """When an answer must end of which nothing but the trailer is missing."""

    def restart(self) -> None:
        """Begin anew, with the first content of another attempt."""
        self.content_at, self.trailer_due = self._now(), inf
        if self.paused_at is not None:  # before its first content there was nothing to pause
            self.paused_at = self.content_at

    def pause(self) -> None:
        """Stop the clock."""
        self.paused_at = self._now()

    def resume(self) -> None:
        """Let the clock go on."""
        assert self.paused_at is not None
        paused_s = self._now() - self.paused_at
        self.content_at += paused_s
        self.trailer_due += paused_s
        self.paused_at = None

    def await_trailer(self) -> float:
        """Set and return the moment when the answer must end."""
        self.trailer_due = self._now() + TRAILER_TIMEOUT_S
        return self.trailer_due

    def next_due(self, attempt: Attempt | None) -> float:
        """Return the moment to look again. `attempt` is the one that is read, None while no attempt has content."""
        if attempt is None or self.paused_at is not None:
            return self._now() + TRAILER_TIMEOUT_S
        idle_s = float(attempt.step.target.timeouts.content_idle)
        if attempt.exchange.facts.asks_for_reasoning and not attempt.completion.length:
            idle_s = max(idle_s, REASONING_S)
        return min(self.content_at + idle_s, self.trailer_due)
