"""Starts attempts: takes the breaker's permit, a token of the retry or hedge budget and room within the configured limits.

Reports to telemetry. Nothing is taken between two awaits, so what was free when an attempt starts is its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from proxy.attempts.capacity import try_reserve
from proxy.attempts.planner import AttemptPlanner, Candidates
from proxy.exchange import Attempt, Exchange
from proxy.resilience.breakers import AttemptPermit
from proxy.resilience.budgets import RETRY_WINDOW_S
from proxy.resilience.key_pools import KEY_FAILURES
from proxy.resilience.rate_limits import NOT_LIMITED, Reservation, Shortage
from proxy.routing.decision import PlannedTarget
from proxy.routing.native import is_native


@dataclass(slots=True)
class AttemptStarter:
    """Starts one request's attempts at what its planner chooses."""

    exchange: Exchange
    planner: AttemptPlanner
    shortages: dict[str, Shortage] = field(default_factory=dict)
    """The latest shortage of each target that had no room for an attempt, by target id."""
    _is_free: bool = False

    def start(self, candidates: Candidates) -> Attempt | None:
        """Start an attempt at the best candidate that may be tried, or None if no candidate may."""
        return self._start_admitted(candidates.admitted) or self._start_forced(candidates.forced)

    def start_free(self, candidates: Candidates) -> Attempt | None:
        """Start an attempt as `start` does, outside the retry budget."""
        self._is_free = True
        try:
            return self.start(candidates)
        finally:
            self._is_free = False

    def start_hedge(self, *, is_free: bool = False) -> Attempt | None:
        """Start a hedge, if there is a target for it and, unless it is free, a token in the hedge budget."""
        runtime, candidates = self.exchange.runtime, self.planner.hedge()
        if not candidates.admitted or not (is_free or runtime.resilience.hedge_budget.try_acquire(runtime.clock())):
            return None
        attempt = self.start(candidates)
        if attempt is None:
            if not is_free:
                runtime.resilience.hedge_budget.refund()
            return None
        self.planner.has_hedged = attempt.hedge = True
        self.exchange.runtime.telemetry.counters.hedges[attempt.step.target.provider.name, "started"] += 1
        return attempt

    def _start_admitted(self, steps: Iterable[PlannedTarget]) -> Attempt | None:
        config, breakers = self.exchange.policy.failover_config, self.exchange.runtime.resilience.breakers
        for step in steps:
            if self.exchange.attempts and not self._acquire_retry_budget(step):
                continue  # a request's first attempt is free
            # The breaker of a failover config replaces the shared one, whose view this request does not take.
            if config and config.breaker:
                permit: AttemptPermit | None = breakers.force_admit(step.target.id)
            else:
                permit = breakers.admit(step.target.id, self.exchange.runtime.clock())
            if permit is not None and (attempt := self._start_with_room(step, permit)) is not None:
                return attempt
            self._refund_retry_budget(step)
        return None

    def _start_forced(self, steps: Iterable[PlannedTarget]) -> Attempt | None:
        for step in filter(partial(self._acquire_retry_budget, is_ejected=True), steps):
            permit = self.exchange.runtime.resilience.breakers.force_admit(step.target.id)
            if (attempt := self._start_with_room(step, permit)) is not None:
                return attempt
            self._refund_retry_budget(step)
        return None

    def _start_with_room(self, step: PlannedTarget, permit: AttemptPermit) -> Attempt | None:
        """Start an attempt, unless a configured limit leaves no room for it."""
        reserved = try_reserve(self.exchange, step)
        if isinstance(reserved, Shortage):
            self.shortages[step.target.id] = reserved
            permit.release()
            return None
        if self.shortages:
            self.shortages.pop(step.target.id, None)
        return self._start(step, permit, reserved)

    def _start(self, step: PlannedTarget, permit: AttemptPermit, reserved: Reservation) -> Attempt:
        exchange, runtime, target = self.exchange, self.exchange.runtime, step.target
        now, stream, accounts, key = runtime.clock(), exchange.facts.stream, runtime.resilience.accounts, reserved.key
        if exchange.snapshot is accounts.snapshot or not accounts.is_outdated(target):
            recorder = runtime.telemetry.observations.start_attempt(target.id, now, stream=stream)
        else:  # a reload has replaced its key or address since: nothing that happens to it says anything about the new one
            permit.release()
            reserved.cancel(now)
            permit, reserved = runtime.resilience.breakers.permit_outdated(), NOT_LIMITED
            recorder = runtime.telemetry.observations.start_attempt(target.id, now, stream=stream, is_outdated=True)
        attempt = Attempt(exchange, step, now, recorder, permit, reserved, key, permit.silence)
        if exchange.policy.failover_config is not None:
            attempt.first_content_timeout_s = self.planner.first_content_timeout_s(step)
        attempt.endpoint = exchange.endpoint
        if exchange.facts.hub_endpoint and not is_native(target.provider, exchange.facts):
            attempt.endpoint, attempt.is_translated = exchange.facts.hub_endpoint, True
        exchange.attempts.append(attempt)
        self.planner.mark_started(step)
        attempt.is_last = not self.planner.unused or self.planner.attempts_left < 1
        return attempt

    def _acquire_retry_budget(self, step: PlannedTarget, *, is_ejected: bool = False) -> bool:
        """Take what a retry at this target needs. Returns False if it may not start.

        A retry at an ejected target needs a token however long ago its last failure was.
        """
        runtime, target = self.exchange.runtime, step.target.id
        record = runtime.telemetry.observations.get(target) if self.exchange.attempts and not self._is_free else None
        if record is None or record.failed_at is None:
            return True
        if step.target.provider.pool is not None and record.failure_trigger in KEY_FAILURES:
            return True  # of a key, which says nothing about the target with another one
        now = runtime.clock()
        started = record.window.started_within(RETRY_WINDOW_S, now)
        failed_ago_s = 0.0 if is_ejected else now - record.failed_at
        return runtime.resilience.retry_budget.try_acquire(target, started, failed_ago_s, now)

    def _refund_retry_budget(self, step: PlannedTarget) -> None:
        if self.exchange.attempts and not self._is_free:
            self.exchange.runtime.resilience.retry_budget.refund(step.target.id, self.exchange.runtime.clock())
