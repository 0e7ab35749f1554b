"""What is tried next: by the plan, the caller's rules, the breakers and the budgets; nothing is awaited here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from proxy.attempts import settle
from proxy.attempts.settings import AUTO, OFF, Settings
from proxy.attempts.spending import fitted
from proxy.exchange import Attempt, Exchange
from proxy.resilience.breakers import Leave
from proxy.resilience.verdict import SOON, VERDICTS, Verdict
from proxy.routing.decision import Step
from proxy.routing.failover_config import FailoverConfig, Rule
from proxy.routing.order import chain
from proxy.telemetry.health import Standing

_SOONEST_HEDGE = 0.25
"""Seconds."""
_ENOUGH = 20
"""Samples that a percentile is believed with."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why another target is looked for."""

    trigger: str
    """The class of failure that rules name."""
    moves_on: bool = True
    """Whether it fails over by default."""
    failed: Step | None = None
    """Who failed."""

    def leads_to(self, step: Step) -> bool:
        """Whether that target may do better by default: with a longer text, one that is known to take longer ones."""
        if self.trigger != "context_length" or self.failed is None:
            return self.moves_on
        return (step.target.context or 0) > (self.failed.target.context or inf)


@dataclass(frozen=True, slots=True)
class Again:
    """The same target once more, after so many seconds."""

    step: Step
    wait: float


@dataclass(slots=True)
class Walk:
    """One request's way through its plan."""

    exchange: Exchange
    settings: Settings
    _unused: list[Step] = field(init=False)
    _repeated: set[str] = field(default_factory=set)
    _waited: bool = False
    _hedged: bool = False

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
        config = self.exchange.policy.failover_config
        begun = self._by_rule(config) if config else None
        begun = begun or self._any(self._unused)
        assert begun is not None, "without attempts no budget is asked"
        return begun

    def again(self, attempt: Attempt, verdict: Verdict) -> Again | None:
        """The same target once more, if the failure is one that passes."""
        step = attempt.step
        if verdict.again is None or self.attempts_left < 1:
            return None
        if verdict.again == "told":
            return self._told(step, verdict.cooldown)
        if step.target.id in self._repeated or self._unavailable(step) or self.attempts_left - 1 < self._due():
            return None
        self._repeated.add(step.target.id)
        return Again(step, SOON * self.exchange.services.random.random())

    def repeat(self, step: Step) -> Attempt | None:
        """A target that was tried before, if breaker, budget and ceiling still give leave."""
        fit = fitted(step, self.exchange) if self.attempts_left > 0 else None
        return self._begun(fit) if fit else None

    def elsewhere(self, cause: Cause, prefer: Callable[[Step], bool] = lambda step: True) -> Attempt | None:
        """The best other target for that cause: the available before the rest, then the preferred, then by the plan."""
        steps = sorted(self._led_to(cause), key=lambda step: (self._unavailable(step), not prefer(step)))
        return self._any(steps) if self.attempts_left > 0 else None

    def unsuited(self, attempt: Attempt) -> Attempt | None:
        """What follows a target whose format cannot express the request: the plan's next; it was no attempt."""
        settle.withdrawn(attempt)
        return self._any(self._unused) if self.attempts_left > 0 else None

    def hedge_after(self, attempt: Attempt) -> float | None:
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
        """The second runner, at a target that is available, if the budget has one to give."""
        hedges = self.exchange.services.hedges
        steps = [step for step in self._led_to(Cause("timeout")) if not self._unavailable(step)]
        if self._hedged or not steps or self.attempts_left < 1 or not hedges.take():
            return None
        attempt = self._admitted(steps)
        if attempt is None:
            hedges.give_back()
            return None
        self._hedged = attempt.hedge = True
        self.exchange.services.tally.hedges[attempt.step.target.provider.name, "started"] += 1
        return attempt

    def _by_rule(self, config: FailoverConfig) -> Attempt | None:
        """The primary; where it is out or cooling, whoever a rule names for that, and failing this the primary again."""
        primary = [step for step in self._unused if step.target.provider.name == config.primary]
        if not primary or not self._unavailable(primary[0]):
            return self._any(primary[:1]) if primary else None
        record = self.exchange.services.observations.of(primary[0].target.id)
        trouble = self._standing(primary[0]).trouble
        trigger = trouble.trigger if trouble else record.failed_as if record and record.failed_as else "rate_limit"
        steps = self._led_to(Cause(trigger, VERDICTS[trigger].moves_on))
        named = [step for step in steps if step.target.provider.name != config.primary and not self._unavailable(step)]
        return self._admitted(named) or self._any(primary)

    def _told(self, step: Step, seconds: float) -> Again | None:
        """After a rate limit's own time, if that is short and nobody is named to take over."""
        policy = self.exchange.policy
        config = policy.failover_config
        named = config is not None and any("rate_limit" in rule.triggers for rule in config.rules)
        limit = policy.max_latency_ms
        past = limit is not None and self._elapsed() + seconds > limit / 1000
        if named or past or self._waited or seconds > self.settings.retry_after_wait:
            return None
        self._waited = True
        return Again(step, seconds)

    def _due(self) -> int:
        """Providers that must still get their turn: all of a chain, else one."""
        asked = chain(self.exchange.policy)
        tried = {attempt.step.target.provider.name for attempt in self.exchange.attempts}
        others = {step.target.provider.name for step in self._unused} - tried
        return len(others & set(asked)) if asked else min(1, len(others))

    def _led_to(self, cause: Cause) -> list[Step]:
        """The unused places that this class of failure leads to, each within the ceiling that is left."""
        steps = (step for step in self._unused if self._allowed(step, cause) and not self._too_slow(step))
        return [fit for step in steps if (fit := fitted(step, self.exchange))]

    def _allowed(self, step: Step, cause: Cause) -> bool:
        config, default = self.exchange.policy.failover_config, cause.leads_to(step)
        name = step.target.provider.name
        if config is None or name == config.primary:
            return default
        return any(rule.answers(cause.trigger, default) for rule in config.rules if rule.provider == name)

    def _too_slow(self, step: Step) -> bool:
        """Whether it usually takes longer than its rule lets it."""
        rule = self._rule(step)
        if rule is None or rule.within is None:
            return False
        usual = self.exchange.services.board.at(self._now()).of(step.target.id).performance.ttft_ms.p50
        return usual is not None and usual / 1000 > rule.within

    def _rule(self, step: Step) -> Rule | None:
        config = self.exchange.policy.failover_config
        name = step.target.provider.name
        return config.rule(name) if config and name != config.primary else None

    def _any(self, steps: Sequence[Step]) -> Attempt | None:
        """An attempt at the first that may be tried; where none may, at the best of the bad."""
        return self._admitted(steps) or self._insisted(steps)

    def _admitted(self, steps: Iterable[Step]) -> Attempt | None:
        for step in steps:
            if attempt := self._begun(step):
                return attempt
        return None

    def _insisted(self, steps: Iterable[Step]) -> Attempt | None:
        breakers = self.exchange.services.breakers
        return next(
            (self._started(step, breakers.insist(step.target.id)) for step in steps if self._budgeted(step)), None
        )

    def _begun(self, step: Step) -> Attempt | None:
        """The attempt, if breaker and budget give leave."""
        if not self._budgeted(step):
            return None
        config, breakers = self.exchange.policy.failover_config, self.exchange.services.breakers
        if config and config.breaker:
            return self._started(step, breakers.insist(step.target.id))
        leave = breakers.admit(step.target.id, self._now())
        if leave is None:
            self._give_back(step)
            return None
        return self._started(step, leave)

    def _started(self, step: Step, leave: Leave) -> Attempt:
        retry = bool(self.exchange.attempts)
        attempt = self.exchange.attempt(step)
        attempt.leave, attempt.retry = leave, retry
        if rule := self._rule(step):
            attempt.within = rule.within
        self._unused = [each for each in self._unused if each.target is not step.target]
        return attempt

    def _budgeted(self, step: Step) -> bool:
        """Whether the retry budget has room; a request's first attempt needs none."""
        if not self.exchange.attempts:
            return True
        retries, record = self.exchange.services.retries, self.exchange.services.observations.of(step.target.id)
        if record is None:
            return retries.take(step.target.id, 0, None)
        failed_ago = None if record.failed_at is None else self._now() - record.failed_at
        return retries.take(step.target.id, record.in_flight, failed_ago)

    def _give_back(self, step: Step) -> None:
        if self.exchange.attempts:
            self.exchange.services.retries.give_back(step.target.id)

    def _unavailable(self, step: Step) -> bool:
        """Whether it is taken out or cooling, as this request sees it, or its account is at a limit of ours."""
        provider = step.target.provider
        busy = provider.limits is not None and self.exchange.services.usage.busy({provider.name: provider}, self._now())
        return bool(busy) or self._standing(step).available_in > 0

    def _standing(self, step: Step) -> Standing:
        standing = self.exchange.services.breakers.standing(step.target.id, self._now())
        config = self.exchange.policy.failover_config
        if config is None or config.breaker is None:
            return standing
        return replace(standing, ejected_for=config.breaker.ejected_for(standing, self._now()))

    def _elapsed(self) -> float:
        return self._now() - self.exchange.started

    def _now(self) -> float:
        return self.exchange.services.clock()
