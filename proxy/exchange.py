"""One request's record, the attempts made for it, and the shape of what handles them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Protocol, TypeVar

from msgspec import Struct
from msgspec import field as factory
from structlog.typing import FilteringBoundLogger

from proxy.config.snapshot import Snapshot
from proxy.dialects.coerce import count_of, object_of
from proxy.dialects.contract import ProviderRequest
from proxy.headers import strip_control_chars
from proxy.messages import CompletionState, Request, Response, Transport
from proxy.resilience.breakers import AttemptPermit, Breakers
from proxy.resilience.budgets import HedgeBudget, RetryBudget
from proxy.resilience.rate_limits import RateLimiter
from proxy.resilience.resume import Prefix
from proxy.routing.affinity import Affinity
from proxy.routing.annotate import format_usd
from proxy.routing.balancing import BalancerState
from proxy.routing.decision import Decision, PlannedTarget
from proxy.routing.decision_cache import DecisionCache
from proxy.routing.dry_run import explanation
from proxy.routing.facts import Facts
from proxy.routing.policy import Policy
from proxy.telemetry.activity import Activity
from proxy.telemetry.broadcast import Broadcast
from proxy.telemetry.local_failure_log import LocalFailureLog
from proxy.telemetry.metric_labels import configured_targets, group_keys, metric_labels
from proxy.telemetry.observations import AttemptRecorder, Observations
from proxy.telemetry.request_counters import RequestCounters
from proxy.telemetry.signals import SignalCache


@dataclass(slots=True)
class Load:
    """What is in hand at this moment; it outlives reloads."""

    requests: int = 0
    buffered_bytes: int = 0
    """Bytes of request bodies held."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What outlives a reload and stands outside every request."""

    transport: Transport
    log: FilteringBoundLogger
    clock: Callable[[], float]
    """Seconds, never backwards."""
    wall: Callable[[], float]
    """Seconds since 1970."""
    observations: Observations = field(default_factory=Observations)
    random: Random = field(default_factory=Random)
    """For jitter alone; no decision depends on it."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    retry_budget: RetryBudget = field(default_factory=RetryBudget)
    hedge_budget: HedgeBudget = field(default_factory=HedgeBudget)
    rate_limits: RateLimiter = field(default_factory=RateLimiter)
    round_robin: BalancerState = field(default_factory=BalancerState)
    affinity: Affinity = field(default_factory=Affinity)
    decision_cache: DecisionCache = field(default_factory=DecisionCache)
    load: Load = field(default_factory=Load)
    on_auth_failure: Callable[[], None] = lambda: None
    """To be told that a provider refused our key: it may have been changed."""
    counters: RequestCounters = field(default_factory=RequestCounters)
    feed: Broadcast = field(default_factory=Broadcast)
    """Who follows the providers' health."""
    activity: Activity = field(init=False)
    breakers: Breakers = field(init=False)
    signals: SignalCache = field(init=False)
    local_trouble: LocalFailureLog = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "local_trouble", LocalFailureLog(self.log, self.clock))
        object.__setattr__(self, "activity", Activity(self.wall()))
        breakers = Breakers(self.random)
        object.__setattr__(self, "breakers", breakers)
        signals = SignalCache(self.observations, breakers.availability, probe_failures=breakers.probe_failures)
        object.__setattr__(self, "signals", signals)

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """From now on what is kept by target is kept for good of those that this file names, and named as it says."""
        targets = configured_targets(snapshot)
        self.observations.labels = partial(metric_labels, snapshot, targets)
        for each in (self.observations, self.signals.target_histories, self.breakers):
            each.pin(targets)
        self.signals.group_histories.pin(group_keys(snapshot))


class Exchange(Struct, eq=False):
    """What is known of one request; each middleware adds what it finds out."""

    id: str
    request: Request
    snapshot: Snapshot
    runtime: Runtime
    started: float
    endpoint: str = ""
    """What is asked for, by its name in the dialects."""
    identity: str | None = None
    """The name of the key it came with."""
    authenticate_later: Callable[[str], str | None] | None = None
    """The name of a key; set where the request came without one, to an endpoint that asks for it later."""
    control_headers: Mapping[str, str] = {}
    """Its control headers."""
    policy: Policy = Policy()
    buffered_bytes: int = 0
    """Bytes of its body that count as held."""
    raw: bytes = b""
    body: Mapping[str, Any] = {}
    facts: Facts = Facts()
    decision: Decision = Decision()
    attempts: list[Attempt] = []
    winning_attempt: Attempt | None = None
    """The attempt whose answer the caller gets."""
    warnings: list[str] = []
    headers_sent_early: bool = False
    """The caller got its headers before anybody had answered: they cannot say who will."""
    upstream_wait_s: float = 0.0
    """Seconds spent waiting for providers before the answer's headers went out."""
    overhead_ms: float | None = None
    """Time to the answer's headers less `upstream_wait_s`, in milliseconds."""
    first_content_at: float | None = None
    """When the first content was in hand, by the runtime's clock."""
    status: int = 0
    outcome: str = "client_disconnected"
    """How it ended; whatever ends it otherwise says so."""
    _waits: int = 0
    _waits_since: float = 0.0
    _close_callbacks: list[Callable[[Exchange], None]] = []

    def start_attempt(self, step: PlannedTarget) -> Attempt:
        """A new attempt at one place of the plan, counted from now on."""
        now = self.runtime.clock()
        flight = self.runtime.observations.start_attempt(step.target.id, now, stream=self.facts.stream)
        self.runtime.rate_limits.start_attempt(step.target.provider.name, now)
        attempt = Attempt(self, step, now, flight)
        self.attempts.append(attempt)
        return attempt

    def response_headers(self) -> dict[str, str]:
        """The headers that every answer carries, errors and streams included; asked for as they go out."""
        self.overhead_ms = round((self.runtime.clock() - self.started - self.upstream_wait_s) * 1000, 2)
        stamps = {
            "X-Request-Id": self.id,
            "X-Provider-Attempts": str(len(self.attempts)),
            "X-Overhead-Ms": str(self.overhead_ms),
        }
        if self.decision.strategy:
            stamps["X-Routing-Strategy"] = self.decision.strategy
        if self.winning_attempt and not self.headers_sent_early:
            target = self.winning_attempt.step.target
            stamps["X-Provider"] = target.provider.name
            stamps["X-Provider-Model"] = strip_control_chars(self.winning_attempt.completion.model or target.model)[
                :256
            ]
            stamps["X-Provider-Region"] = target.region
        if self.warnings:
            stamps["X-Routing-Warnings"] = ", ".join(self.warnings)
        if not self.facts.stream and (bill := self.total_cost()) is not None:
            stamps["X-Request-Cost"] = format_usd(bill)
        return stamps

    def upstream_timer(self) -> UpstreamTimer:
        """While it lasts the time is not ours; two waits at once are one."""
        return UpstreamTimer(self)

    def total_cost(self) -> float | None:
        """USD of all attempts as far as they are known; None while that of the answer itself is not."""
        if self.winning_attempt is None or self.winning_attempt.cost() is None:
            return None
        return sum([attempt.cost() or 0.0 for attempt in self.attempts])

    def explain(self) -> dict[str, Any]:
        """The decision, and what came of it so far, as a value for JSON."""
        attempts = [attempt.as_json() for attempt in self.attempts]
        return {**explanation(self.decision, self.policy, self.id), "attempts": attempts}

    def on_close(self, callback: Callable[[Exchange], None]) -> None:
        """Call `callback` when the last byte is out, or will never be; the last one to ask is called first."""
        self._close_callbacks.append(callback)

    def close(self) -> None:
        """It is over; all are called, whichever of them fails."""
        try:
            while self._close_callbacks:
                self._close_callbacks.pop()(self)
        finally:
            if self._close_callbacks:
                self.close()

    def release(self) -> None:
        """Nobody asks any more: what holds one another lets go, so that all is freed now and not some collections later."""
        self.winning_attempt, self.attempts = None, []


class UpstreamTimer(Struct, eq=False):
    """A stretch of time that a request spends on others."""

    _exchange: Exchange

    def __enter__(self) -> None:
        exchange = self._exchange
        if not exchange._waits:
            exchange._waits_since = exchange.runtime.clock()
        exchange._waits += 1

    def __exit__(self, *_: object) -> None:
        exchange = self._exchange
        exchange._waits -= 1
        if not exchange._waits:
            exchange.upstream_wait_s += exchange.runtime.clock() - exchange._waits_since


class Attempt(Struct, eq=False):
    """One try at one target."""

    exchange: Exchange
    step: PlannedTarget
    started: float
    recorder: AttemptRecorder
    """What is observed of it."""
    permit: AttemptPermit | None = None
    """The breaker's leave for it."""
    usage_released: bool = False
    """Whether it counts no more among its provider's attempts in flight."""
    retry: bool = False
    """Whether it holds a part of the retry budget."""
    hedge: bool = False
    """Whether it holds a part of the hedge budget."""
    first_content_at: float | None = None
    """When its first content was in hand."""
    prefix: Prefix | None = None
    """What was sent of an answer that it is to go on with."""
    first_content_timeout_s: float | None = None
    """Seconds it has for its first content, if fewer than its target's own."""
    provider_request: ProviderRequest = ProviderRequest()
    """The request in the target's own format."""
    completion: CompletionState = factory(default_factory=CompletionState)
    outcome: str | None = None
    status: int | None = None
    ended: float | None = None
    _priced: Mapping[str, Any] | None = None
    """The usage that `_cost` is for."""
    _cost: float | None = None

    def cost(self) -> float | None:
        """USD of its answer, once its usage is known; None if that or the price is not."""
        usage = self.completion.usage
        if usage is not None and usage is not self._priced:
            self._priced, self._cost = usage, self._price(usage)
        return self._cost

    def _price(self, usage: Mapping[str, Any]) -> float | None:
        price = self.step.target.price
        if price is None:
            return None
        details = object_of(usage.get("prompt_tokens_details"))
        counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"), details.get("cached_tokens"),
                  details.get("cache_write_tokens"))  # fmt: skip
        return price.cost(*map(count_of, counts))

    def as_json(self) -> dict[str, Any]:
        """What the caller may know of it."""
        target, outcome, status = self.step.target, self.outcome, self.status
        if outcome is None and self is self.exchange.winning_attempt:
            outcome = "ok"  # its answer is on its way, and nothing has gone wrong
        if outcome == "ok":
            status = 200
        ended = self.exchange.runtime.clock() if self.ended is None else self.ended
        return {
            "provider": target.provider.name,
            "model": target.model,
            "region": target.region,
            "outcome": outcome,
            "status": status,
            "ms": round((ended - self.started) * 1000, 1),
        }


Subject = TypeVar("Subject", contravariant=True)

Handler = Callable[[Subject], Awaitable[Response]]
"""Answers an Exchange (outside failover) or an Attempt (inside); raises ParrotError instead of answering."""


class Middleware(Protocol[Subject]):
    """One behaviour; its fields are its options in routing.yaml."""

    async def __call__(self, subject: Subject, handler: Handler[Any]) -> Response:
        """Return an answer, wrap the handler's, or raise."""
