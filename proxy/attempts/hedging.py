"""When a request's attempt is hedged, and what its silence says about the target.

A hedge starts once the attempt has been silent for a time, or at once where its target is suspect: silent to everyone
(`resilience.silence`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf

from proxy.attempts.events import Cancelled, Failed
from proxy.attempts.planner import AttemptPlanner
from proxy.config.auto_duration import AUTO, OFF
from proxy.errors import UpstreamTimeout
from proxy.exchange import Attempt

_MIN_DELAY_S = 0.25
_MIN_SAMPLES = 20
"""Samples from which on a percentile is believed."""
_STREAM_S, _COMPLETE_S, _REASONING_S = 8.0, 20.0, 60.0
"""The least thresholds: of streams, of other requests, and of requests that ask for reasoning."""


class HedgeWatch:
    """Waits with one request for the first content of its attempt. Implements `resilience.silence.Waiting`."""

    __slots__ = ("_attempt", "_hedge_due", "_is_suspect", "_planner", "_threshold_due", "_wake_by", "due")

    def __init__(self, planner: AttemptPlanner, wake_by: Callable[[float], None]) -> None:
        self._planner = planner
        self._wake_by = wake_by
        self._attempt: Attempt | None = None
        self._hedge_due = self._threshold_due = inf
        self._is_suspect = False
        """Whether the attempt's target has been suspect while it waited."""
        self.due = inf
        """The moment (`loop.time()`) at which `check` has something to do."""

    @property
    def is_free(self) -> bool:
        """Whether the hedge is at once and outside the budget, because the attempt's target is suspect."""
        return self._is_suspect

    def begin(self, attempt: Attempt) -> None:
        """Begin to wait, if the attempt may be hedged."""
        if self._attempt is not None:
            self.end()
        planner = self._planner
        if not planner.unused or planner.has_hedged or planner.options.hedge.after == OFF or planner.attempts_left < 1:
            return
        if not any(map(planner.may_hedge, planner.unused)):
            return
        threshold_s, now = threshold_of(planner, attempt), asyncio.get_running_loop().time()
        self._attempt, self._is_suspect = attempt, attempt.silence.is_suspect
        self._hedge_due = now if self._is_suspect else now + hedge_delay_s(planner, threshold_s)
        # How long a model thinks says nothing about its target.
        self._threshold_due = inf if attempt.exchange.facts.asks_for_reasoning else now + threshold_s
        attempt.silence.begin(self)
        self.due = min(self._hedge_due, self._threshold_due)
        self._wake_by(self.due)

    def check(self, now: float) -> bool:
        """Act on what is due, and return whether to hedge now."""
        attempt = self._attempt
        assert attempt is not None
        if now >= self._threshold_due:
            self._threshold_due = inf
            if attempt.silence.pass_threshold(self):
                self.suspect()
        must_hedge = now >= self._hedge_due
        if must_hedge:
            self._hedge_due = inf
        self.due = min(self._hedge_due, self._threshold_due)
        return must_hedge

    def suspect(self) -> None:
        """Hedge at once, because the attempt's target is suspect."""
        if self._attempt is not None and not self._is_suspect:
            self._is_suspect = True
            runtime = self._attempt.exchange.runtime
            if (record := runtime.telemetry.observations.get(self._attempt.step.target.id)) is not None:
                record.mark_urgent()  # the next decision must know it
            self._hedge_due = self.due = asyncio.get_running_loop().time()
            self._wake_by(self.due)

    def end_of(self, attempt: Attempt) -> None:
        """Stop waiting, if it is for this attempt."""
        if attempt is self._attempt:
            self.end()

    def end(self) -> None:
        """Stop waiting."""
        if self._attempt is not None:
            self._attempt.silence.end(self)
            self._attempt, self.due = None, inf

    def lose(self, loser: Attempt) -> Cancelled | Failed:
        """Return the end of an attempt that lost to another, and learn from its silence."""
        if loser is not self._attempt:
            return Cancelled(hedge_lost=True)
        if self._is_suspect and loser.silence.is_silent_to(self):
            return Failed(UpstreamTimeout(f"{loser.step.target.id} was silent, to this request and to others"))
        self._raise_threshold(loser)
        return Cancelled(hedge_lost=True)

    def win(self, winner: Attempt) -> None:
        """Learn from an attempt that had content after all."""
        if winner is self._attempt and self._planner.has_hedged:
            self._raise_threshold(winner)

    def _raise_threshold(self, attempt: Attempt) -> None:
        now = attempt.exchange.runtime.clock()
        attempt.silence.raise_floor(now - attempt.started, now)


def threshold_of(planner: AttemptPlanner, attempt: Attempt) -> float:
    """Return the seconds without content from which on the attempt's target counts as silent."""
    after, runtime, facts = planner.options.hedge.after, attempt.exchange.runtime, attempt.exchange.facts
    if after != AUTO:
        return float(after)
    now = runtime.clock()
    floor_s = attempt.silence.floor_s(now)
    if facts.asks_for_reasoning:
        return max(_REASONING_S, floor_s)
    measured = runtime.routing.signals.table_at(now).get(attempt.step.target.id).performance
    percentiles, least_s = (measured.ttft_ms, _STREAM_S) if facts.stream else (measured.latency_ms, _COMPLETE_S)
    p95_s = (percentiles.p95 or 0.0) / 1000 if percentiles.samples >= _MIN_SAMPLES else 0.0
    return max(least_s, floor_s, 2 * p95_s)


def hedge_delay_s(planner: AttemptPlanner, threshold_s: float) -> float:
    """Return the seconds without content after which a hedge may start: the threshold, or the caller's own limit."""
    exchange = planner.exchange
    limit_ms = exchange.policy.max_latency_ms
    if limit_ms is None or not exchange.facts.stream:
        return threshold_s
    return max(_MIN_DELAY_S, limit_ms / 1000 - (exchange.runtime.clock() - exchange.started))
