"""Retry and hedge budgets: retries must not double the load in an outage, nor hedges the bill when targets are slow."""

from __future__ import annotations

from dataclasses import dataclass, field

MIN_CONCURRENT_RETRIES = 3
RETRY_RATIO = 0.2
QUIET_PERIOD_S = 10.0


@dataclass(slots=True)
class RetryBudget:
    """Limits the retries in flight at each target. A retry is every attempt that is not its request's first.

    A target that failed within `QUIET_PERIOD_S` gets as many retries as `RETRY_RATIO` of the first attempts in flight
    there, at least `MIN_CONCURRENT_RETRIES`. Other targets get any number.
    """

    _in_flight: dict[str, int] = field(default_factory=dict)

    def try_acquire(self, target: str, active: int, failed_ago_s: float | None) -> bool:
        """Acquire a slot for one retry. Returns False if none is free. Call `release` when the retry ends.

        `active` is the number of attempts in flight at the target, `failed_ago_s` the time since its last failure.
        """
        retries = self._in_flight.get(target, 0)
        first_attempts = max(0, active - retries)
        is_quiet = failed_ago_s is None or failed_ago_s >= QUIET_PERIOD_S
        if not is_quiet and retries + 1 > max(MIN_CONCURRENT_RETRIES, RETRY_RATIO * first_attempts):
            return False
        self._in_flight[target] = retries + 1
        return True

    def release(self, target: str) -> None:
        """Return the slot of a retry that has ended."""
        self._in_flight[target] -= 1
        if not self._in_flight[target]:
            del self._in_flight[target]

    def in_flight(self, target: str) -> int:
        """Return the number of retries in flight at a target."""
        return self._in_flight.get(target, 0)


@dataclass(slots=True)
class HedgeBudget:
    """Token bucket for hedges: every request adds a fraction of a token, a hedge takes one if it is there.

    One hedge may always start while none is in flight.
    """

    cap: float = 10.0
    """Most tokens that are saved."""
    _tokens: float = 0.0
    _in_flight: int = 0

    @property
    def balance(self) -> float:
        """Tokens in the bucket."""
        return self._tokens

    @property
    def in_flight(self) -> int:
        """Hedges that have started and not ended."""
        return self._in_flight

    def deposit(self, rate: float = 0.05) -> None:
        """Add the tokens of one request."""
        self._tokens = min(self.cap, self._tokens + rate)

    def try_acquire(self) -> bool:
        """Take a token for one hedge. Returns False if the hedge may not start. Call `release` when it ends."""
        if self._in_flight and self._tokens < 1:
            return False
        self._tokens = max(0.0, self._tokens - 1)
        self._in_flight += 1
        return True

    def release(self) -> None:
        """Record the end of a hedge."""
        self._in_flight -= 1
