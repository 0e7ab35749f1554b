"""How many retries and hedges there may be at a time: an outage must not double the load, nor slowness the bill."""

from __future__ import annotations

from dataclasses import dataclass, field

MIN_CONCURRENT_RETRIES = 3
RETRY_RATIO = 0.2
QUIET_PERIOD_S = 10.0
"""Seconds without a failure after which a target takes any number of retries."""


@dataclass(slots=True)
class RetryBudget:
    """Retries in flight, by target; a retry is every attempt that is not its request's first."""

    _in_flight: dict[str, int] = field(default_factory=dict)

    def try_acquire(self, target: str, active: int, failed_ago_s: float | None) -> bool:
        """Whether one more may start at a target with `active` attempts in flight; if so, give it back at its end.

        `failed_ago_s` are the seconds since the target's last failure, None if it had none.
        """
        retries = self._in_flight.get(target, 0)
        firsts = max(0, active - retries)
        calm = failed_ago_s is None or failed_ago_s >= QUIET_PERIOD_S
        if not calm and retries + 1 > max(MIN_CONCURRENT_RETRIES, RETRY_RATIO * firsts):
            return False
        self._in_flight[target] = retries + 1
        return True

    def release(self, target: str) -> None:
        """One that was taken has ended."""
        self._in_flight[target] -= 1
        if not self._in_flight[target]:
            del self._in_flight[target]

    def in_flight(self, target: str) -> int:
        """Retries that have begun and not ended."""
        return self._in_flight.get(target, 0)


@dataclass(slots=True)
class HedgeBudget:
    """A bucket of hedges that every request fills a little."""

    cap: float = 10.0
    _saved: float = 0.0
    _in_flight: int = 0

    @property
    def balance(self) -> float:
        """Hedges that may start now."""
        return self._saved

    @property
    def in_flight(self) -> int:
        """Hedges that have begun and not ended."""
        return self._in_flight

    def deposit(self, rate: float = 0.05) -> None:
        """A request came in, and pays for that part of a hedge."""
        self._saved = min(self.cap, self._saved + rate)

    def try_acquire(self) -> bool:
        """Whether a hedge may start: one is always free when none is in flight; if so, give it back at its end."""
        if self._in_flight and self._saved < 1:
            return False
        self._saved = max(0.0, self._saved - 1)
        self._in_flight += 1
        return True

    def release(self) -> None:
        """One that was taken has ended."""
        self._in_flight -= 1
