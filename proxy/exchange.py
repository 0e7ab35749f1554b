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
from proxy.dialects.contract import Asking
from proxy.dialects.shapes import count_of, object_of
from proxy.headers import printable
from proxy.messages import Answer, Request, Response, Transport
from proxy.resilience.breakers import Breakers, Leave
from proxy.resilience.budgets import HedgeBudget, RetryBudget
from proxy.resilience.resume import Prefix
from proxy.routing.affinity import Affinity
from proxy.routing.asking import explained
from proxy.routing.balancing import Turns
from proxy.routing.costs import dollars
from proxy.routing.decision import Decision, Step
from proxy.routing.facts import Facts
from proxy.routing.policy import Policy
from proxy.telemetry.activity import Activity
from proxy.telemetry.feed import Feed
from proxy.telemetry.local_trouble import LocalTrouble
from proxy.telemetry.observations import Flight, Observations
from proxy.telemetry.roster import groups, labels, named
from proxy.telemetry.signals import Board
from proxy.telemetry.tally import Tally
from proxy.telemetry.usage import Usage


@dataclass(slots=True)
class Load:
    """What is in hand at this moment; it outlives reloads."""

    requests: int = 0
    buffered: int = 0
    """Bytes of request bodies held."""


@dataclass(frozen=True, slots=True)
class Services:
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
    retries: RetryBudget = field(default_factory=RetryBudget)
    hedges: HedgeBudget = field(default_factory=HedgeBudget)
    usage: Usage = field(default_factory=Usage)
    turns: Turns = field(default_factory=Turns)
    affinity: Affinity = field(default_factory=Affinity)
    load: Load = field(default_factory=Load)
    suspect: Callable[[], None] = lambda: None
    """To be told that a provider refused our key: it may have been changed."""
    tally: Tally = field(default_factory=Tally)
    feed: Feed = field(default_factory=Feed)
    """Who follows the providers' health."""
    activity: Activity = field(init=False)
    breakers: Breakers = field(init=False)
    board: Board = field(init=False)
    """The rows that decisions read."""
    local_trouble: LocalTrouble = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "local_trouble", LocalTrouble(self.log, self.clock))
        object.__setattr__(self, "activity", Activity(self.wall()))
        object.__setattr__(self, "breakers", Breakers(self.random))
        object.__setattr__(
            self, "board", Board(self.observations, self.breakers.standing, troubles=self.breakers.troubles)
        )

    def know(self, snapshot: Snapshot) -> None:
        """From now on what is kept by target is kept for good of those that this file names, and named as it says."""
        targets = named(snapshot)
        self.observations.labels = partial(labels, snapshot, targets)
        for each in (self.observations, self.board.target_histories, self.breakers):
            each.name(targets)
        self.board.group_histories.name(groups(snapshot))


class Exchange(Struct, eq=False):
    """What is known of one request; each middleware adds what it finds out."""

    id: str
    request: Request
    snapshot: Snapshot
    services: Services
    started: float
    endpoint: str = ""
    """What is asked for, by its name in the dialects."""
    identity: str | None = None
    """The name of the key it came with."""
    admits: Callable[[str], str | None] | None = None
    """The name of a key; set where the request came without one, to an endpoint that asks for it later."""
    asked: Mapping[str, str] = {}
    """Its control headers."""
    policy: Policy = Policy()
    held: int = 0
    """Bytes of its body that count as held."""
    raw: bytes = b""
    body: Mapping[str, Any] = {}
    facts: Facts = Facts()
    decision: Decision = Decision()
    attempts: list[Attempt] = []
    serving: Attempt | None = None
    """The attempt whose answer the caller gets."""
    warnings: list[str] = []
    committed: bool = False
    """The caller got its headers before anybody had answered: they cannot say who will."""
    waited: float = 0.0
    """Seconds spent waiting for providers before the answer's headers went out."""
    overhead_ms: float | None = None
    """Time to the answer's headers less `waited`, in milliseconds."""
    first_content: float | None = None
    """When the first content was in hand, by the services' clock."""
    status: int = 0
    outcome: str = "client_gone"
    """How it ended; whatever ends it otherwise says so."""
    _waits: int = 0
    _waits_since: float = 0.0
    _ends: list[Callable[[Exchange], None]] = []

    def attempt(self, step: Step) -> Attempt:
        """A new attempt at one place of the plan, counted from now on."""
        now = self.services.clock()
        flight = self.services.observations.started(step.target.id, now, stream=self.facts.stream)
        self.services.usage.started(step.target.provider.name, now)
        attempt = Attempt(self, step, now, flight)
        self.attempts.append(attempt)
        return attempt

    def stamps(self) -> dict[str, str]:
        """The headers that every answer carries, errors and streams included; asked for as they go out."""
        self.overhead_ms = round((self.services.clock() - self.started - self.waited) * 1000, 2)
        stamps = {
            "X-Request-Id": self.id,
            "X-Provider-Attempts": str(len(self.attempts)),
            "X-Overhead-Ms": str(self.overhead_ms),
        }
        if self.decision.strategy:
            stamps["X-Routing-Strategy"] = self.decision.strategy
        if self.serving and not self.committed:
            target = self.serving.step.target
            stamps["X-Provider"] = target.provider.name
            stamps["X-Provider-Model"] = printable(self.serving.answer.model or target.model)[:256]
            stamps["X-Provider-Region"] = target.region
        if self.warnings:
            stamps["X-Routing-Warnings"] = ", ".join(self.warnings)
        if not self.facts.stream and (bill := self.bill()) is not None:
            stamps["X-Request-Cost"] = dollars(bill)
        return stamps

    def waiting(self) -> Waiting:
        """While it lasts the time is not ours; two waits at once are one."""
        return Waiting(self)

    def bill(self) -> float | None:
        """USD of all attempts as far as they are known; None while that of the answer itself is not."""
        if self.serving is None or self.serving.cost() is None:
            return None
        return sum([attempt.cost() or 0.0 for attempt in self.attempts])

    def account(self) -> dict[str, Any]:
        """The decision, and what came of it so far, as a value for JSON."""
        attempts = [attempt.as_json() for attempt in self.attempts]
        return {**explained(self.decision, self.policy, self.id), "attempts": attempts}

    def at_end(self, act: Callable[[Exchange], None]) -> None:
        """Call `act` when the last byte is out, or will never be; the last one to ask is called first."""
        self._ends.append(act)

    def end(self) -> None:
        """It is over; all are called, whichever of them fails."""
        try:
            while self._ends:
                self._ends.pop()(self)
        finally:
            if self._ends:
                self.end()

    def release(self) -> None:
        """Nobody asks any more: what holds one another lets go, so that all is freed now and not some collections later."""
        self.serving, self.attempts = None, []


class Waiting(Struct, eq=False):
    """A stretch of time that a request spends on others."""

    _exchange: Exchange

    def __enter__(self) -> None:
        exchange = self._exchange
        if not exchange._waits:
            exchange._waits_since = exchange.services.clock()
        exchange._waits += 1

    def __exit__(self, *_: object) -> None:
        exchange = self._exchange
        exchange._waits -= 1
        if not exchange._waits:
            exchange.waited += exchange.services.clock() - exchange._waits_since


class Attempt(Struct, eq=False):
    """One try at one target."""

    exchange: Exchange
    step: Step
    started: float
    flight: Flight
    """What is observed of it."""
    leave: Leave | None = None
    """The breaker's leave for it."""
    ended_use: bool = False
    """Whether it counts no more among its provider's attempts in flight."""
    retry: bool = False
    """Whether it holds a part of the retry budget."""
    hedge: bool = False
    """Whether it holds a part of the hedge budget."""
    content: float | None = None
    """When its first content was in hand."""
    prefix: Prefix | None = None
    """What was sent of an answer that it is to go on with."""
    within: float | None = None
    """Seconds it has for its first content, if fewer than its target's own."""
    asking: Asking = Asking()
    """The request in the target's own format."""
    answer: Answer = factory(default_factory=Answer)
    outcome: str | None = None
    status: int | None = None
    ended: float | None = None
    _priced: Mapping[str, Any] | None = None
    """The usage that `_cost` is for."""
    _cost: float | None = None

    def cost(self) -> float | None:
        """USD of its answer, once its usage is known; None if that or the price is not."""
        usage = self.answer.usage
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
        return price.of(*map(count_of, counts))

    def as_json(self) -> dict[str, Any]:
        """What the caller may know of it."""
        target, outcome, status = self.step.target, self.outcome, self.status
        if outcome is None and self is self.exchange.serving:
            outcome = "ok"  # its answer is on its way, and nothing has gone wrong
        if outcome == "ok":
            status = 200
        ended = self.exchange.services.clock() if self.ended is None else self.ended
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
