"""Chooses the next attempt from the plan, the failover rules, the breakers and the limits.

Nothing here has an effect: `starter.AttemptStarter` takes what an attempt needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from operator import attrgetter

from proxy.attempts.capacity import find_shortage
from proxy.attempts.settings import FailoverOptions
from proxy.attempts.spending import clamp_to_ceiling
from proxy.exchange import Attempt, Exchange
from proxy.resilience.availability import Availability
from proxy.resilience.classification import CLASSIFICATIONS, MAX_JITTER_S, Classification
from proxy.routing.decision import PlannedTarget
from proxy.routing.failover_config import FailoverConfig, Rule
from proxy.routing.ranking import provider_chain

_only_after = attrgetter("target.only_after")


@dataclass(frozen=True, slots=True)
class FailureCause:
    """Why another target is looked for."""

    trigger: str
    """The class of failure that failover rules name."""
    fails_over: bool = True
    """Whether that class fails over by default."""
    failed: PlannedTarget | None = None
    """The target that failed."""

    def may_lead_to(self, step: PlannedTarget) -> bool:
        """Return whether that target may do better by default.

        After `context_length` that is one with a larger window or, where a window is unknown, another model.
        """
        if self.trigger != "context_length" or self.failed is None:
            return self.fails_over
        failed, other = self.failed.target, step.target
        if other.context_window is None or failed.context_window is None:
            return other.model != failed.model
        return other.context_window > failed.context_window


@dataclass(frozen=True, slots=True)
class RetrySameTarget:
    """The same target once more, after `wait_s` seconds."""

    step: PlannedTarget
    wait_s: float


@dataclass(frozen=True, slots=True)
class Candidates:
    """The targets that may be tried next, best first."""

    admitted: list[PlannedTarget]
    """Tried as far as their breaker and the retry budget permit."""
    forced: list[PlannedTarget] = field(default_factory=list)
    """If none of those can start, the first of these that the retry budget permits, whatever its breaker says."""

    @classmethod
    def of(cls, steps: list[PlannedTarget]) -> Candidates:
        """Make all of them candidates. If all are ejected, the best of them is tried anyway."""
        return cls(steps, steps)


NO_CANDIDATES = Candidates([])


@dataclass(slots=True)
class AttemptPlanner:
    """Plans one request's attempts."""

    exchange: Exchange
    options: FailoverOptions
    unused: list[PlannedTarget] = field(init=False)
    """The part of the plan that was not tried yet."""
    has_hedged: bool = False
    _retried: set[str] = field(default_factory=set)
    _has_waited: bool = False

    def __post_init__(self) -> None:
        self.unused = list(self.exchange.decision.plan)

    @property
    def attempts_left(self) -> int:
        """How many attempts may still start."""
        policy = self.exchange.policy
        if not policy.retry_on_provider_error:
            return 1 - len(self.exchange.attempts)
        retries = policy.max_provider_retries
        return 1 + (self.options.max_retries if retries is None else retries) - len(self.exchange.attempts)

    def mark_started(self, step: PlannedTarget) -> None:
        """Take a target that is being tried out of the unused ones."""
        self.unused = [each for each in self.unused if each.target is not step.target]

    def mark_retry(self, retry: RetrySameTarget, classification: Classification) -> None:
        """Note a retry of the same target: each target is retried once, and one Retry-After is waited for."""
        if classification.retry_same == "retry_after":
            self._has_waited = True
        else:
            self._retried.add(retry.step.target.id)

    def first(self) -> Candidates:
        """Return the candidates for the first attempt.

        A failover config begins with its primary. If that is ejected or cooling down, with what a rule names for the
        class of failure that caused it.
        """
        config = self.exchange.policy.failover_config
        primary = [step for step in self.unused if step.target.provider.name == config.primary] if config else []
        if config is None or not primary:
            is_special = any(map(_only_after, self.unused))
            return Candidates.of((self._usual() or self.unused) if is_special else self.unused)
        if not self._is_unavailable(primary[0]):
            return Candidates.of(primary[:1])
        return Candidates([*self._alternatives(config, primary[0]), *primary], primary)

    def retry_same(self, attempt: Attempt, classification: Classification) -> RetrySameTarget | None:
        """Return how to try the same target once more, or None unless its failure is one that passes."""
        step = attempt.step
        if classification.retry_same is None or self.attempts_left < 1:
            return None
        if classification.retry_same == "retry_after":
            return self._after_retry_after(step, classification.cooldown_s)
        reserved = self._reserved_for_others()
        if step.target.id in self._retried or self._is_unavailable(step) or self.attempts_left - 1 < reserved:
            return None
        return RetrySameTarget(step, MAX_JITTER_S * self.exchange.runtime.resilience.random.random())

    def again(self, step: PlannedTarget) -> Candidates:
        """Return a target that was tried before, if the cost ceiling still allows it."""
        fit = clamp_to_ceiling(step, self.exchange) if self._may_go_on() else None
        return Candidates([fit]) if fit else NO_CANDIDATES

    def elsewhere(self, cause: FailureCause, prefer: Callable[[PlannedTarget], bool] = lambda step: True) -> Candidates:
        """Return the other targets for that cause: available before unavailable, then by priority, then as planned.

        Among those of one priority the preferred come first.
        """
        if not self._may_go_on():
            return NO_CANDIDATES
        chain = provider_chain(self.exchange.policy)

        def rank(step: PlannedTarget) -> tuple[bool, int, bool]:
            return self._is_unavailable(step), 0 if chain else step.target.priority, not prefer(step)

        return Candidates.of(sorted(self._candidates_for(cause), key=rank))

    def after_refusal(self, failed: PlannedTarget) -> Candidates:
        """Return the other targets after a model has refused a parameter: none where the caller has named the provider."""
        if self.exchange.policy.provider:
            return NO_CANDIDATES
        return self.elsewhere(FailureCause("invalid_request", failed=failed))

    def after_unsupported(self) -> Candidates:
        """Return what follows a target whose format cannot express the request: the rest of the plan."""
        return Candidates.of(self._usual()) if self.attempts_left > 0 else NO_CANDIDATES

    def hedge(self) -> Candidates:
        """Return the targets for a hedge: only available ones of the running attempt's priority with a weight."""
        if self.has_hedged or self.attempts_left < 1:
            return NO_CANDIDATES
        steps = self._candidates_for(FailureCause("timeout"))
        return Candidates([step for step in steps if self.may_hedge(step) and not self._is_unavailable(step)])

    def _usual(self) -> list[PlannedTarget]:
        """Return the unused targets without those that are for a class of failure alone."""
        return [step for step in self.unused if not _only_after(step)]

    def may_hedge(self, step: PlannedTarget) -> bool:
        """Return whether a target may be tried while another is only slow.

        Neither priorities are crossed nor a last resort is used for that, unless the request's own chain asks for it.
        """
        if provider_chain(self.exchange.policy):
            return True
        attempts, target = self.exchange.attempts, step.target
        return target.weight > 0 and (not attempts or attempts[-1].step.target.priority == target.priority)

    def first_content_timeout_s(self, step: PlannedTarget) -> float | None:
        """Return the seconds that a failover rule gives a target for its first content, None without such a rule."""
        rule = self._rule(step)
        return rule.max_additional_latency_s if rule else None

    def _may_go_on(self) -> bool:
        """Return whether a further attempt may start: not where the breakers let no target of the plan be tried."""
        return self.attempts_left > 0 and any(map(self._is_admitted, self.exchange.decision.plan))

    def _is_admitted(self, step: PlannedTarget) -> bool:
        config = self.exchange.policy.failover_config
        if config is None or config.breaker is None:
            return self.exchange.runtime.resilience.breakers.admits(step.target.id, self._now())
        return self._availability(step).ejected_for_s <= 0

    def _alternatives(self, config: FailoverConfig, primary: PlannedTarget) -> list[PlannedTarget]:
        """Return the available targets that a rule names for the failure that made the primary unavailable."""
        record = self.exchange.runtime.telemetry.observations.get(primary.target.id)
        availability = self._availability(primary)
        probe = availability.probe_failure
        trigger = probe.trigger if probe else (record and record.failure_trigger) or "rate_limit"
        if availability.is_suspect:
            trigger = "timeout"
        if find_shortage(self.exchange, primary) is not None:
            trigger = "rate_limit"
        steps = self._candidates_for(FailureCause(trigger, CLASSIFICATIONS[trigger].fails_over))
        return [
            step for step in steps if step.target.provider.name != config.primary and not self._is_unavailable(step)
        ]

    def _after_retry_after(self, step: PlannedTarget, wait_s: float) -> RetrySameTarget | None:
        """Return the retry after a rate limit's own time, if that is short and no rule names a target for this."""
        policy = self.exchange.policy
        config, limit = policy.failover_config, policy.max_latency_ms
        is_named = config is not None and any("rate_limit" in rule.triggers for rule in config.rules)
        is_late = limit is not None and self._elapsed_s() + wait_s > limit / 1000
        if is_named or is_late or self._has_waited or wait_s > self.options.max_retry_after_wait:
            return None
        return RetrySameTarget(step, wait_s)

    def _reserved_for_others(self) -> int:
        """Return the attempts to keep in reserve: one per untried provider of an explicit chain, otherwise one."""
        chain = provider_chain(self.exchange.policy) or self.exchange.policy.provider_preference
        tried = {attempt.step.target.provider.name for attempt in self.exchange.attempts}
        others = {step.target.provider.name for step in self.unused} - tried
        return len(others & set(chain)) if chain else min(1, len(others))

    def _candidates_for(self, cause: FailureCause) -> list[PlannedTarget]:
        """Return the unused targets that this class of failure leads to, each within what is left of the cost ceiling."""
        steps = (step for step in self.unused if self._is_allowed(step, cause) and not self._is_too_slow(step))
        return [fit for step in steps if (fit := clamp_to_ceiling(step, self.exchange))]

    def _is_allowed(self, step: PlannedTarget, cause: FailureCause) -> bool:
        config = self.exchange.policy.failover_config
        default = cause.may_lead_to(step) and not self._is_too_long_twice()
        name = step.target.provider.name
        if step.target.only_after and cause.trigger not in step.target.only_after:
            return False
        if config is None or name == config.primary:
            return default
        return any(rule.matches(cause.trigger, default) for rule in config.rules if rule.provider == name)

    def _is_too_long_twice(self) -> bool:
        """Return whether two models have found the prompt too long, so that it most likely is."""
        return [attempt.outcome for attempt in self.exchange.attempts].count("context_length") > 1

    def _is_too_slow(self, step: PlannedTarget) -> bool:
        """Return whether it usually takes longer than its rule allows."""
        limit_s = self.first_content_timeout_s(step)
        if limit_s is None:
            return False
        usual = self.exchange.runtime.routing.signals.table_at(self._now()).get(step.target.id).performance.ttft_ms.p50
        return usual is not None and usual / 1000 > limit_s

    def _rule(self, step: PlannedTarget) -> Rule | None:
        config = self.exchange.policy.failover_config
        name = step.target.provider.name
        return config.rule(name) if config and name != config.primary else None

    def _is_unavailable(self, step: PlannedTarget) -> bool:
        """Return whether it is ejected or cooling down, as this request sees it, or its account is at a limit of ours."""
        return find_shortage(self.exchange, step) is not None or self._availability(step).available_in_s > 0

    def _availability(self, step: PlannedTarget) -> Availability:
        availability = self.exchange.runtime.resilience.breakers.availability(step.target.id, self._now())
        config = self.exchange.policy.failover_config
        if config is None or config.breaker is None:
            return availability
        return replace(availability, ejected_for_s=config.breaker.ejected_for_s(availability, self._now()))

    def _elapsed_s(self) -> float:
        return self._now() - self.exchange.started

    def _now(self) -> float:
        return self.exchange.runtime.clock()
