"""Retry and hedge budgets: retries must not double the load in an outage, nor hedges the bill when targets are slow."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from proxy.telemetry.target_map import TargetMap

MIN_RETRIES = 3
RETRY_RATIO = 0.2
RETRY_WINDOW_S = 10.0
"""Retries and other attempts are counted over this time. A target without a failure in it takes any number of retries."""

HEDGES_PER_MINUTE = 1.0


@dataclass(slots=True)
class RetryBudget:
    """Limits the retries at each target. A retry is every attempt that is not its request's first.

    A retry at a target that failed within `RETRY_WINDOW_S` needs a token. There are as many as `RETRY_RATIO` of the other
    attempts that started there in that time, at least `MIN_RETRIES`. Other targets take any number.
    """

    _taken_at: TargetMap[deque[float]] = field(default_factory=lambda: TargetMap(deque))
    """When each token was taken, oldest first."""

    def try_acquire(self, target: str, started: int, failed_ago_s: float | None, now: float) -> bool:
        """Take what one retry needs. Returns False if it may not start.

        `started` is the number of attempts that started at the target within `RETRY_WINDOW_S`, `failed_ago_s` the time since
        its last failure.
        """
        if failed_ago_s is None or failed_ago_s >= RETRY_WINDOW_S:
            return True
        taken_at = self._taken_at.get_or_create(target)
        while taken_at and now - taken_at[0] >= RETRY_WINDOW_S:
            taken_at.popleft()
        # Tokens are counted for a fifth of the other attempts, so that retries do not allow further retries.
        if len(taken_at) + 1 > max(MIN_RETRIES, RETRY_RATIO * (started - len(taken_at))):
            return False
        taken_at.append(now)
        return True

    def refund(self, target: str, now: float) -> None:
        """Return a token that was taken at this moment, if the retry needed one, because it did not start."""
        taken_at = self._taken_at.get(target)
        if taken_at and taken_at[-1] == now:
            taken_at.pop()


@dataclass(slots=True)
class HedgeBudget:
    """Token bucket for hedges: every request adds a fraction of a token and every minute a whole one. A hedge takes one."""

    cap: float = 10.0
    """Most tokens that are saved."""
    _tokens: float = 5.0
    _filled_at: float | None = None

    @property
    def balance(self) -> float:
        """Tokens in the bucket."""
        return self._tokens

    def deposit(self, rate: float, now: float) -> None:
        """Add the tokens of one request, and those of the time since the last one."""
        minutes = 0.0 if self._filled_at is None else (now - self._filled_at) / 60
        self._filled_at = now
        self._tokens = min(self.cap, self._tokens + rate + minutes * HEDGES_PER_MINUTE)

    def try_acquire(self, now: float) -> bool:
        """Take a token for one hedge. Returns False if there is none."""
        self.deposit(0.0, now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def refund(self) -> None:
        """Return the token of a hedge that did not start."""
        self._tokens = min(self.cap, self._tokens + 1)
