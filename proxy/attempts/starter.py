"""Starts attempts: takes the breaker's permit and a token of the retry or hedge budget, and reports to telemetry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from proxy.attempts.planner import AttemptPlanner, Candidates
from proxy.exchange import Attempt, Exchange
from proxy.resilience.breakers import AttemptPermit
from proxy.resilience.budgets import RETRY_WINDOW_S
from proxy.resilience.rate_limits import AccountUsage
from proxy.routing.decision import PlannedTarget


@dataclass(slots=True)
class AttemptStarter:
    """Starts one request's attempts at what its planner chooses."""

    exchange: Exchange
    planner: AttemptPlanner
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
        if not candidates.admitted or not (is_free or runtime.hedge_budget.try_acquire(runtime.clock())):
            return None
        attempt = self.start(candidates)
        if attempt is None:
            if not is_free:
                runtime.hedge_budget.refund()
            return None
        self.planner.has_hedged = attempt.hedge = True
        self.exchange.runtime.counters.hedges[attempt.step.target.provider.name, "started"] += 1
        return attempt

    def _start_admitted(self, steps: Iterable[PlannedTarget]) -> Attempt | None:
        config, breakers = self.exchange.policy.failover_config, self.exchange.runtime.breakers
        for step in steps:
            if not self._acquire_retry_budget(step):
                continue
            # The breaker of a failover config replaces the shared one, whose view this request does not take.
            if config and config.breaker:
                return self._start(step, breakers.force_admit(step.target.id))
            if (permit := breakers.admit(step.target.id, self.exchange.runtime.clock())) is not None:
                return self._start(step, permit)
            self._refund_retry_budget(step)
        return None

    def _start_forced(self, steps: Iterable[PlannedTarget]) -> Attempt | None:
        step = next(filter(partial(self._acquire_retry_budget, is_ejected=True), steps), None)
        return self._start(step, self.exchange.runtime.breakers.force_admit(step.target.id)) if step else None

    def _start(self, step: PlannedTarget, permit: AttemptPermit) -> Attempt:
        exchange, runtime, target = self.exchange, self.exchange.runtime, step.target
        now, stream, accounts = runtime.clock(), exchange.facts.stream, runtime.accounts
        if exchange.snapshot is accounts.snapshot or not accounts.is_outdated(target):
            recorder = runtime.observations.start_attempt(target.id, now, stream=stream)
            usage = runtime.rate_limits.start_attempt(target.provider.name, now)
        else:  # a reload has replaced its key or address since: nothing that happens to it says anything about the new one
            permit.release()
            permit, usage = runtime.breakers.permit_outdated(), AccountUsage(in_flight=1)
            recorder = runtime.observations.start_attempt(target.id, now, stream=stream, is_outdated=True)
        attempt = Attempt(exchange, step, now, recorder, permit, usage, permit.silence)
        attempt.first_content_timeout_s = self.planner.first_content_timeout_s(step)
        exchange.attempts.append(attempt)
        self.planner.mark_started(step)
        attempt.is_last = not self.planner.unused or self.planner.attempts_left < 1
        return attempt

    def _acquire_retry_budget(self, step: PlannedTarget, *, is_ejected: bool = False) -> bool:
        """Take what a retry at this target needs. Returns False if it may not start. A request's first attempt is free.

        A retry at an ejected target needs a token however long ago its last failure was.
        """
        runtime, target = self.exchange.runtime, step.target.id
        record = runtime.observations.get(target) if self.exchange.attempts and not self._is_free else None
        if record is None or record.failed_at is None:
            return True
        now = runtime.clock()
        started = record.window.started_within(RETRY_WINDOW_S, now)
        failed_ago_s = 0.0 if is_ejected else now - record.failed_at
        return runtime.retry_budget.try_acquire(target, started, failed_ago_s, now)

    def _refund_retry_budget(self, step: PlannedTarget) -> None:
        if self.exchange.attempts and not self._is_free:
            self.exchange.runtime.retry_budget.refund(step.target.id, self.exchange.runtime.clock())
