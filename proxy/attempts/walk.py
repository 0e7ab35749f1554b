"""What is tried next: the plan's order, the caller's rules, the breakers' leave and the budgets; nothing is awaited here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import inf

from proxy.attempts import settle
from proxy.attempts.settings import AUTO, OFF, Settings
from proxy.errors import UpstreamFailure
from proxy.exchange import Attempt, Exchange
from proxy.resilience.verdict import SOON, Verdict
from proxy.routing import costs
from proxy.routing.decision import Step
from proxy.routing.failover_config import Rule
from proxy.routing.order import chain
from proxy.telemetry.health import Standing

_SOONEST_HEDGE = 0.25
"""Seconds."""
_ENOUGH = 20
"""Samples that a percentile is believed with."""


@dataclass(frozen=True, slots=True)
class Next:
    """A further attempt, to begin after so many seconds."""

    step: Step
    wait: float = 0.0
    again: bool = False
    """At the same target."""


@dataclass(slots=True)
class Walk:
    """One request's way through its plan."""

    exchange: Exchange
    settings: Settings
    _unused: list[Step] = field(init=False)
    _repeated: set[str] = field(default_factory=set)
    _waited: bool = False
    _hedged: bool = False
    _rules_used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._unused = list(self.exchange.decision.steps)

    @property
    def attempts_left(self) -> int:
        """Attempts that may still start."""
        policy = self.exchange.policy
        if not policy.retry_on_provider_error:
            return 1 - len(self.exchange.attempts)
        retries = policy.max_provider_retries
        most = 1 + (self.settings.max_retries if retries is None else retries)
        return most - len(self.exchange.attempts)

    def first(self) -> Attempt:
        """The first attempt: the best that may be tried, or the best of the bad."""
        for step in self._unused:
            if (attempt := self._begun(step)) is not None:
                return attempt
        return self._started(self._unused[0], insist=True)

    def begin(self, following: Next) -> Attempt | None:
        """The attempt; None if the time it had to wait has changed the breaker's or the budget's mind."""
        return self._begun(following.step)

    def other(self) -> Attempt | None:
        """Another target for a hedge or a resumption, in the plan's order; None if there is none that may."""
        if self.attempts_left < 1:
            return None
        return next((attempt for step in list(self._unused) if (attempt := self._begun(step))), None)

    def repeat(self, attempt: Attempt) -> Attempt | None:
        """The same target once more, asked otherwise."""
        return self._begun(attempt.step) if self.attempts_left > 0 else None

    def unsuited(self, attempt: Attempt) -> Next | None:
        """What follows a target whose format cannot express the request: the plan's next; it was no attempt."""
        settle.abandoned(attempt)
        self.exchange.attempts.remove(attempt)
        return next((Next(step) for step in self._unused), None)

    def hedge_after(self, attempt: Attempt, failed_before: bool) -> float | None:
        """Seconds after which a second target is asked as well; None where there may be no second one."""
        hedge, policy, stream = self.settings.hedge, self.exchange.policy, self.exchange.facts.stream
        if self._hedged or hedge.after == OFF or not self._unused or self.attempts_left < 1:
            return None
        if stream and policy.max_latency_ms is not None:
            return max(_SOONEST_HEDGE, policy.max_latency_ms / 1000 - self._elapsed())
        if hedge.after != AUTO:
            return float(hedge.after)
        measured = self.exchange.services.board.at(self._now()).of(attempt.step.target.id).performance
        spread = measured.ttft_ms if stream else measured.latency_ms
        least, unknown = (8.0, 8.0) if stream else (20.0, 30.0)
        known = spread.p95 is not None and spread.samples >= _ENOUGH
        return max(least, 2 * spread.p95 / 1000) if known and spread.p95 else unknown

    def hedge(self) -> Attempt | None:
        """The second runner, if the budget has one to give."""
        if self._hedged or self.attempts_left < 1 or not self.exchange.services.hedges.take():
            return None
        self._hedged = True
        attempt = self.other()
        self.exchange.at_end(lambda exchange: exchange.services.hedges.give_back())
        return attempt

    def after(self, attempt: Attempt, failure: UpstreamFailure, verdict: Verdict) -> Next | None:
        """What follows a failure; None: it is the caller's answer."""
        if self.attempts_left < 1:
            return None
        return self._again(attempt, verdict) or self._onwards(attempt, failure, verdict)

    def _again(self, attempt: Attempt, verdict: Verdict) -> Next | None:
        """The same target once more, if the failure is one that passes."""
        step = attempt.step
        if verdict.again is None or step.target.id in self._repeated or self._standing(step).available_in > 0:
            return None
        if verdict.again == "told":
            return self._told(step, verdict.cooldown)
        if self.attempts_left - 1 < self._due(step):
            return None
        self._repeated.add(step.target.id)
        return Next(step, SOON * self.exchange.services.random.random(), again=True)

    def _told(self, step: Step, seconds: float) -> Next | None:
        """After a rate limit's own time, if that is short and nobody is named to take over."""
        policy = self.exchange.policy
        config = policy.failover_config
        named = config is not None and any("rate_limit" in rule.triggers for rule in config.rules)
        limit = policy.max_latency_ms
        past = limit is not None and self._elapsed() + seconds > limit / 1000
        if named or past or self._waited or seconds > self.settings.retry_after_wait:
            return None
        self._waited = True
        return Next(step, seconds, again=True)

    def _due(self, step: Step) -> int:
        """Providers of the chain that must still get their turn."""
        if not chain(self.exchange.policy):
            return 0
        tried = {attempt.step.target.provider.name for attempt in self.exchange.attempts}
        return len({each.target.provider.name for each in self._unused} - tried)

    def _onwards(self, attempt: Attempt, failure: UpstreamFailure, verdict: Verdict) -> Next | None:
        for step in self._candidates(attempt, failure, verdict):
            if self._may(step):
                return Next(step)
        return None

    def _candidates(self, attempt: Attempt, failure: UpstreamFailure, verdict: Verdict) -> Iterator[Step]:
        """The unused places of the plan that this class of failure leads to."""
        config = self.exchange.policy.failover_config
        if config is not None:
            rules = (rule for rule in config.rules if rule.provider not in self._rules_used)
            rule = next((rule for rule in rules if rule.answers(failure.trigger, verdict.moves_on)), None)
            if rule is not None:
                self._rules_used.add(rule.provider)
            return (step for step in self._unused if rule and step.target.provider.name == rule.provider)
        if failure.trigger == "context_length":
            context = attempt.step.target.context or inf
            return (step for step in self._unused if (step.target.context or 0) > context)
        return iter(self._unused if verdict.moves_on else ())

    def _may(self, step: Step) -> bool:
        """Whether the breaker would let it, and the ceiling has room for it."""
        if self._standing(step).available_in > 0 and self._others_available(step):
            return False
        signal = self.exchange.services.board.at(self._now()).of(step.target.id)
        rule, usual = self._rule(step), signal.performance.ttft_ms.p50
        if rule and rule.within and usual and usual / 1000 > rule.within:
            return False
        ceiling = self.exchange.policy.max_cost_per_request
        if ceiling is None:
            return True
        return costs.fit(step.target, self.exchange.facts, signal, ceiling - self._spent()) is not None

    def _rule(self, step: Step) -> Rule | None:
        config = self.exchange.policy.failover_config
        name = step.target.provider.name
        return config.rule(name) if config and name != config.primary else None

    def _others_available(self, step: Step) -> bool:
        return any(self._standing(each).available_in == 0 for each in self._unused if each is not step)

    def _spent(self) -> float:
        """USD of the attempts so far: what is known, else the worst case of those that have begun to answer."""
        known = (attempt.cost() for attempt in self.exchange.attempts)
        return sum(cost for cost in known if cost is not None)

    def _begun(self, step: Step) -> Attempt | None:
        """The attempt, if breaker and budget give leave."""
        services, target = self.exchange.services, step.target.id
        if self.exchange.attempts and not self._budgeted(target):
            return None
        if self.exchange.policy.failover_config and self.exchange.policy.failover_config.breaker:
            return self._started(step, insist=True)
        leave = services.breakers.admit(target, self._now())
        if leave is None:
            self._give_back(target)
            return None
        attempt = self._started(step)
        attempt.leave = leave
        return attempt

    def _started(self, step: Step, insist: bool = False) -> Attempt:
        retry = bool(self.exchange.attempts)
        attempt = self.exchange.attempt(step)
        attempt.retry = retry
        rule = self._rule(step)
        attempt.within = rule.within if rule else None
        if insist:
            attempt.leave = self.exchange.services.breakers.insist(step.target.id)
        self._unused = [each for each in self._unused if each is not step]
        return attempt

    def _budgeted(self, target: str) -> bool:
        record = self.exchange.services.observations.of(target)
        if record is None:
            return self.exchange.services.retries.take(target, 0, None)
        failed_ago = None if record.failed_at is None else self._now() - record.failed_at
        return self.exchange.services.retries.take(target, record.in_flight, failed_ago)

    def _give_back(self, target: str) -> None:
        if self.exchange.attempts:
            self.exchange.services.retries.give_back(target)

    def _standing(self, step: Step) -> Standing:
        """What keeps traffic from a target, as this request sees it."""
        standing = self.exchange.services.breakers.standing(step.target.id, self._now())
        config = self.exchange.policy.failover_config
        if config is None or config.breaker is None:
            return standing
        return replace(standing, ejected_for=config.breaker.ejected_for(standing, self._now()))

    def _elapsed(self) -> float:
        return self._now() - self.exchange.started

    def _now(self) -> float:
        return self.exchange.services.clock()
