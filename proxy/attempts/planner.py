"""What is tried next: by the plan, the caller's rules, the breakers and the budgets; nothing is awaited here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from proxy.attempts import outcomes
from proxy.attempts.settings import AUTO, OFF, FailoverOptions
from proxy.attempts.spending import clamp_to_ceiling
from proxy.exchange import Attempt, Exchange
from proxy.resilience.availability import Availability
from proxy.resilience.breakers import AttemptPermit
from proxy.resilience.classification import CLASSIFICATIONS, MAX_JITTER_S, Classification
from proxy.routing.decision import PlannedTarget
from proxy.routing.failover_config import FailoverConfig, Rule
from proxy.routing.ranking import provider_chain

_SOONEST_HEDGE = 0.25
"""Seconds."""
_ENOUGH = 20
"""Samples that a percentile is believed with."""


@dataclass(frozen=True, slots=True)
class FailureCause:
    """Why another target is looked for."""

    trigger: str
    """The class of failure that rules name."""
    fails_over: bool = True
    """Whether it fails over by default."""
    failed: PlannedTarget | None = None
    """Who failed."""

    def may_lead_to(self, step: PlannedTarget) -> bool:
        """Whether that target may do better by default: with a longer text, one that is known to take longer ones."""
        if self.trigger != "context_length" or self.failed is None:
            return self.fails_over
        return (step.target.context_window or 0) > (self.failed.target.context_window or inf)


@dataclass(frozen=True, slots=True)
class RetrySameTarget:
    """The same target once more, after so many seconds."""

    step: PlannedTarget
    wait_s: float


@dataclass(slots=True)
class AttemptPlanner:
    """One request's way through its plan."""

    exchange: Exchange
    settings: FailoverOptions
    _unused: list[PlannedTarget] = field(init=False)
    _repeated: set[str] = field(default_factory=set)
    _waited: bool = False
    _hedged: bool = False

    def __post_init__(self) -> None:
        self._unused = list(self.exchange.decision.plan)

    @property
    def attempts_left(self) -> int:
        """Attempts that may still start."""
        policy = self.exchange.policy
        if not policy.retry_on_provider_error:
            return 1 - len(self.exchange.attempts)
        retries = policy.max_provider_retries
        most = 1 + (self.settings.max_retries if retries is None else retries)
        return most - len(self.exchange.attempts)

    def start_first(self) -> Attempt:
        """The first attempt: the best that may be tried, or the best of the bad."""
        config = self.exchange.policy.failover_config
        begun = self._by_rule(config) if config else None
        begun = begun or self._start_best_effort(self._unused)
        assert begun is not None, "without attempts no budget is asked"
        return begun

    def retry_same(self, attempt: Attempt, verdict: Classification) -> RetrySameTarget | None:
        """The same target once more, if the failure is one that passes."""
        step = attempt.step
        if verdict.retry_same is None or self.attempts_left < 1:
            return None
        if verdict.retry_same == "retry_after":
            return self._retry_after_wait(step, verdict.cooldown_s)
        if (
            step.target.id in self._repeated
            or self._unavailable(step)
            or self.attempts_left - 1 < self._reserved_for_others()
        ):
            return None
        self._repeated.add(step.target.id)
        return RetrySameTarget(step, MAX_JITTER_S * self.exchange.runtime.random.random())

    def start_retry(self, step: PlannedTarget) -> Attempt | None:
        """A target that was tried before, if breaker, budget and ceiling still give leave."""
        fit = clamp_to_ceiling(step, self.exchange) if self.attempts_left > 0 else None
        return self._try_start(fit) if fit else None

    def start_elsewhere(
        self, cause: FailureCause, prefer: Callable[[PlannedTarget], bool] = lambda step: True
    ) -> Attempt | None:
        """The best other target for that cause: the available before the rest, then the preferred, then by the plan."""
        steps = sorted(self._candidates_for(cause), key=lambda step: (self._unavailable(step), not prefer(step)))
        return self._start_best_effort(steps) if self.attempts_left > 0 else None

    def next_after_unsupported(self, attempt: Attempt) -> Attempt | None:
        """What follows a target whose format cannot express the request: the plan's next; it was no attempt."""
        outcomes.discard(attempt)
        return self._start_best_effort(self._unused) if self.attempts_left > 0 else None

    def hedge_delay_s(self, attempt: Attempt) -> float | None:
        """Seconds after which a second target is asked as well; None where there may be no second one."""
        hedge, policy, stream = self.settings.hedge, self.exchange.policy, self.exchange.facts.stream
        if self._hedged or hedge.after == OFF or not self._unused or self.attempts_left < 1:
            return None
        if stream and policy.max_latency_ms is not None:
            return max(_SOONEST_HEDGE, policy.max_latency_ms / 1000 - self._elapsed())
        if hedge.after != AUTO:
            return float(hedge.after)
        measured = self.exchange.runtime.signals.table_at(self._now()).get(attempt.step.target.id).performance
        spread = measured.ttft_ms if stream else measured.latency_ms
        least, unknown = (8.0, 8.0) if stream else (20.0, 30.0)
        known = spread.p95 is not None and spread.samples >= _ENOUGH
        return max(least, 2 * spread.p95 / 1000) if known and spread.p95 else unknown

    def start_hedge(self) -> Attempt | None:
        """The second runner, at a target that is available, if the budget has one to give."""
        hedges = self.exchange.runtime.hedge_budget
        steps = [step for step in self._candidates_for(FailureCause("timeout")) if not self._unavailable(step)]
        if self._hedged or not steps or self.attempts_left < 1 or not hedges.try_acquire():
            return None
        attempt = self._start_first_admitted(steps)
        if attempt is None:
            hedges.release()
            return None
        self._hedged = attempt.hedge = True
        self.exchange.runtime.counters.hedges[attempt.step.target.provider.name, "started"] += 1
        return attempt

    def _by_rule(self, config: FailoverConfig) -> Attempt | None:
        """The primary; where it is out or cooling, whoever a rule names for that, and failing this the primary again."""
        primary = [step for step in self._unused if step.target.provider.name == config.primary]
        if not primary or not self._unavailable(primary[0]):
            return self._start_best_effort(primary[:1]) if primary else None
        record = self.exchange.runtime.observations.get(primary[0].target.id)
        trouble = self._standing(primary[0]).probe_failure
        trigger = (
            trouble.trigger
            if trouble
            else record.failure_trigger
            if record and record.failure_trigger
            else "rate_limit"
        )
        steps = self._candidates_for(FailureCause(trigger, CLASSIFICATIONS[trigger].fails_over))
        named = [step for step in steps if step.target.provider.name != config.primary and not self._unavailable(step)]
        return self._start_first_admitted(named) or self._start_best_effort(primary)

    def _retry_after_wait(self, step: PlannedTarget, seconds: float) -> RetrySameTarget | None:
        """After a rate limit's own time, if that is short and nobody is named to take over."""
        policy = self.exchange.policy
        config = policy.failover_config
        named = config is not None and any("rate_limit" in rule.triggers for rule in config.rules)
        limit = policy.max_latency_ms
        past = limit is not None and self._elapsed() + seconds > limit / 1000
        if named or past or self._waited or seconds > self.settings.max_retry_after_wait:
            return None
        self._waited = True
        return RetrySameTarget(step, seconds)

    def _reserved_for_others(self) -> int:
        """Providers that must still get their turn: all of a chain, else one."""
        asked = provider_chain(self.exchange.policy)
        tried = {attempt.step.target.provider.name for attempt in self.exchange.attempts}
        others = {step.target.provider.name for step in self._unused} - tried
        return len(others & set(asked)) if asked else min(1, len(others))

    def _candidates_for(self, cause: FailureCause) -> list[PlannedTarget]:
        """The unused places that this class of failure leads to, each within the ceiling that is left."""
        steps = (step for step in self._unused if self._allowed(step, cause) and not self._too_slow(step))
        return [fit for step in steps if (fit := clamp_to_ceiling(step, self.exchange))]

    def _allowed(self, step: PlannedTarget, cause: FailureCause) -> bool:
        config, default = self.exchange.policy.failover_config, cause.may_lead_to(step)
        name = step.target.provider.name
        if config is None or name == config.primary:
            return default
        return any(rule.matches(cause.trigger, default) for rule in config.rules if rule.provider == name)

    def _too_slow(self, step: PlannedTarget) -> bool:
        """Whether it usually takes longer than its rule lets it."""
        rule = self._rule(step)
        if rule is None or rule.max_additional_latency_s is None:
            return False
        usual = self.exchange.runtime.signals.table_at(self._now()).get(step.target.id).performance.ttft_ms.p50
        return usual is not None and usual / 1000 > rule.max_additional_latency_s

    def _rule(self, step: PlannedTarget) -> Rule | None:
        config = self.exchange.policy.failover_config
        name = step.target.provider.name
        return config.rule(name) if config and name != config.primary else None

    def _start_best_effort(self, steps: Sequence[PlannedTarget]) -> Attempt | None:
        """An attempt at the first that may be tried; where none may, at the best of the bad."""
        return self._start_first_admitted(steps) or self._force_start(steps)

    def _start_first_admitted(self, steps: Iterable[PlannedTarget]) -> Attempt | None:
        for step in steps:
            if attempt := self._try_start(step):
                return attempt
        return None

    def _force_start(self, steps: Iterable[PlannedTarget]) -> Attempt | None:
        breakers = self.exchange.runtime.breakers
        return next(
            (
                self._start(step, breakers.force_admit(step.target.id))
                for step in steps
                if self._acquire_retry_budget(step)
            ),
            None,
        )

    def _try_start(self, step: PlannedTarget) -> Attempt | None:
        """The attempt, if breaker and budget give leave."""
        if not self._acquire_retry_budget(step):
            return None
        config, breakers = self.exchange.policy.failover_config, self.exchange.runtime.breakers
        if config and config.breaker:
            return self._start(step, breakers.force_admit(step.target.id))
        leave = breakers.admit(step.target.id, self._now())
        if leave is None:
            self._release_retry_budget(step)
            return None
        return self._start(step, leave)

    def _start(self, step: PlannedTarget, leave: AttemptPermit) -> Attempt:
        retry = bool(self.exchange.attempts)
        attempt = self.exchange.start_attempt(step)
        attempt.permit, attempt.retry = leave, retry
        if rule := self._rule(step):
            attempt.first_content_timeout_s = rule.max_additional_latency_s
        self._unused = [each for each in self._unused if each.target is not step.target]
        return attempt

    def _acquire_retry_budget(self, step: PlannedTarget) -> bool:
        """Whether the retry budget has room; a request's first attempt needs none."""
        if not self.exchange.attempts:
            return True
        retries, record = self.exchange.runtime.retry_budget, self.exchange.runtime.observations.get(step.target.id)
        if record is None:
            return retries.try_acquire(step.target.id, 0, None)
        failed_ago = None if record.failed_at is None else self._now() - record.failed_at
        return retries.try_acquire(step.target.id, record.in_flight, failed_ago)

    def _release_retry_budget(self, step: PlannedTarget) -> None:
        if self.exchange.attempts:
            self.exchange.runtime.retry_budget.release(step.target.id)

    def _unavailable(self, step: PlannedTarget) -> bool:
        """Whether it is taken out or cooling, as this request sees it, or its account is at a limit of ours."""
        provider = step.target.provider
        busy = provider.limits is not None and self.exchange.runtime.rate_limits.limited_for_ms(
            {provider.name: provider}, self._now()
        )
        return bool(busy) or self._standing(step).available_in_s > 0

    def _standing(self, step: PlannedTarget) -> Availability:
        standing = self.exchange.runtime.breakers.availability(step.target.id, self._now())
        config = self.exchange.policy.failover_config
        if config is None or config.breaker is None:
            return standing
        return replace(standing, ejected_for_s=config.breaker.ejected_for_s(standing, self._now()))

    def _elapsed(self) -> float:
        return self._now() - self.exchange.started

    def _now(self) -> float:
        return self.exchange.runtime.clock()
