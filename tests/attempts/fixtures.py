"""Plans, rules, failures and runs that the tests of attempts share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import orjson
from msgspec import structs

from proxy.attempts import outcomes
from proxy.attempts.events import Failed
from proxy.attempts.failover_run import FailoverRun
from proxy.attempts.planner import AttemptPlanner, Candidates, FailureCause
from proxy.attempts.settings import FailoverOptions
from proxy.attempts.starter import AttemptStarter
from proxy.config.schema import ProviderLimits
from proxy.dialects.errors import error_response
from proxy.errors import ParrotError, UpstreamError
from proxy.exchange import Attempt, Exchange
from proxy.messages import Response
from proxy.middleware.translate import Translate
from proxy.resilience.breaker import BreakerSettings
from proxy.resilience.breakers import BreakerOverride
from proxy.resilience.classification import CLASSIFICATIONS, Classification
from proxy.routing.decision import Decision, PlannedTarget
from proxy.routing.facts import Facts
from proxy.routing.failover_config import FailoverConfig, Rule
from proxy.routing.policy import Policy
from proxy.sse import decode, split_frames
from proxy.upstream.call import Before, make_start_call
from tests.fakes import BODY, PROVIDER_KEY, FakeTransport, generation, planned_exchange, routing_yaml

BREAKER = BreakerSettings()
ONE_IN_A_ROW = BreakerSettings(failure_threshold=1)


@dataclass
class Attempts:
    """One request's planner, and the starter of what it chooses."""

    exchange: Exchange
    options: FailoverOptions = field(default_factory=FailoverOptions)
    planner: AttemptPlanner = field(init=False)
    starter: AttemptStarter = field(init=False)

    def __post_init__(self) -> None:
        self.planner = AttemptPlanner(self.exchange, self.options)
        self.starter = AttemptStarter(self.exchange, self.planner)

    def start_first(self) -> Attempt:
        attempt = self.starter.start(self.planner.first())
        assert attempt is not None
        return attempt

    def start_again(self, step: PlannedTarget) -> Attempt | None:
        return self.starter.start(self.planner.again(step))

    def start_elsewhere(self, cause: FailureCause) -> Attempt | None:
        return self.starter.start(self.planner.elsewhere(cause))


def planned(
    plan: str = "abc", policy: Policy | None = None, options: FailoverOptions | None = None, **changes: dict[str, Any]
) -> Attempts:
    """Return the attempts of a streaming request; `changes` are fields of targets, such as a={"context_window": 5}."""
    exchange = planned_exchange(plan)
    steps = [
        structs.replace(step, target=replace(step.target, **changes.get(step.target.provider.name, {})))
        for step in exchange.decision.plan
    ]
    exchange.decision = Decision("m", "automatic", tuple(steps))
    exchange.policy, exchange.facts = policy or Policy(), Facts("chat", "m", stream=True)
    return Attempts(exchange, options or FailoverOptions())


def with_pool(keys: Sequence[str], limits: ProviderLimits | None = None, **options: Any) -> Exchange:
    """Return a planned exchange whose provider `a` has these keys."""
    own, text = f'a.test/v1", api_key: {PROVIDER_KEY}', routing_yaml()
    assert own in text
    pool = keys[0] if len(keys) == 1 else f"[{', '.join(keys)}]"
    exchange = planned_exchange(snap=generation(text.replace(own, f'a.test/v1", api_key: {pool}')).snapshot, **options)
    first, *others = exchange.decision.plan
    limited = replace(first.target, provider=replace(first.target.provider, limits=limits))
    exchange.decision = Decision("m", "automatic", (structs.replace(first, target=limited), *others))
    exchange.runtime.resilience.key_pools.update(exchange.snapshot)
    exchange.facts = Facts("chat", "m", stream=True)
    return exchange


def planned_with_pool(*keys: str, policy: Policy | None = None, limits: ProviderLimits | None = None) -> Attempts:
    """Return the attempts of a streaming request whose first provider, `a`, has these keys."""
    exchange = with_pool(keys, limits)
    exchange.policy = policy or Policy()
    return Attempts(exchange)


async def run_pool(rows: Sequence[Any], *keys: str) -> RunningAttempts:
    """Run the attempts of a request whose first provider, `a`, has these keys."""
    exchange = with_pool(keys, transport=FakeTransport(list(rows)))
    exchange.raw, exchange.facts = orjson.dumps(BODY), Facts("chat", "m")
    running = start_run(exchange)
    await running.has_ended.wait()
    return running


def provider(attempt: Attempt | None) -> str | None:
    return attempt and attempt.step.target.provider.name


def fail(
    attempt: Attempt, failure: UpstreamError | None = None, breaker: BreakerSettings = BREAKER
) -> tuple[Classification, FailureCause]:
    """Settle an attempt as failed, with a 500 by default; return what that means for what is next."""
    failure = failure or error_response(500, {}, "no")
    classification = outcomes.classify_failure(attempt, failure)
    outcomes.apply(attempt, Failed(failure), breaker)
    return classification, FailureCause(failure.trigger, CLASSIFICATIONS[failure.trigger].fails_over, attempt.step)


def eject(exchange: Exchange, *names: str, failure: UpstreamError | None = None) -> None:
    """Open the breakers of these providers' targets."""
    for name in names:
        step = next(step for step in exchange.decision.plan if step.target.provider.name == name)
        attempt = AttemptStarter(exchange, AttemptPlanner(exchange, FailoverOptions())).start(Candidates([step]))
        assert attempt is not None
        fail(attempt, failure, ONE_IN_A_ROW)
        exchange.attempts.clear()


def rules(*rows: tuple[Any, ...], breaker: BreakerOverride | None = None) -> Policy:
    """Return the failover config of a chain from `a`: rows are (provider, triggers) or (provider, triggers, seconds)."""
    chain = tuple(Rule(row[0], frozenset(row[1].split()), (), row[2] if len(row) > 2 else None) for row in rows)
    return Policy(failover_config=FailoverConfig("a", chain, breaker))


@dataclass
class RunningAttempts:
    """A FailoverRun and what it has given the caller; implements `failover_run.ResponseHandler`."""

    exchange: Exchange
    run: FailoverRun = field(init=False)
    response: Response | None = None
    """A complete response, or the head of a stream."""
    error: ParrotError | None = None
    parts: list[bytes] = field(default_factory=list)
    """The writes of a stream."""
    outcome: str | None = None
    """How the stream ended."""
    has_ended: asyncio.Event = field(default_factory=asyncio.Event)
    _due: float = inf
    _timer: asyncio.TimerHandle | None = None

    @property
    def transport(self) -> FakeTransport:
        return self.exchange.runtime.transport  # type: ignore[return-value]

    @property
    def outcomes(self) -> list[str | None]:
        """The outcome of each attempt."""
        return [attempt.outcome for attempt in self.exchange.attempts]

    @property
    def is_settled(self) -> bool:
        """Whether no attempt is in flight, and no request waits at a target."""
        runtime = self.exchange.runtime
        in_flight = [runtime.telemetry.observations.in_flight(target) for target in runtime.telemetry.observations]
        waiting = [attempt.silence.waiting for attempt in self.exchange.attempts]
        return not (any(in_flight) or any(waiting))

    def respond(self, response: Response) -> None:
        assert self.response is self.error is None
        self.response = response
        if response.body is not None:
            self._end()
        else:
            self.wake_by(self.run.due)

    def fail(self, error: ParrotError) -> None:
        assert self.response is self.error is None
        self.error = error
        self._end()

    def write(self, data: bytes) -> None:
        assert data and self.response is not None and self.outcome is None
        self.parts.append(data)

    def finish(self, outcome: str) -> None:
        assert self.response is not None and self.outcome is None
        self.outcome = outcome
        self._end()

    def crash(self, error: Exception) -> None:
        raise error

    def wake_by(self, due: float) -> None:
        if due < self._due and not self.has_ended.is_set():
            if self._timer is not None:
                self._timer.cancel()
            self._due = due
            self._timer = asyncio.get_running_loop().call_at(due, self._check)

    def _check(self) -> None:
        self._due, self._timer = inf, None
        if not self.has_ended.is_set():
            self.run.check(asyncio.get_running_loop().time())
            self.wake_by(self.run.due)

    def _end(self) -> None:
        self.has_ended.set()


def start_run(exchange: Exchange, *, before: Sequence[Before] = (), **options: Any) -> RunningAttempts:
    """Start the attempts of a planned exchange; `options` are those of failover, `before` further phases of attempts."""
    loop = asyncio.get_running_loop()
    exchange.started = loop.time()
    if exchange.runtime.clock != loop.time:  # else it is one that several requests share
        exchange.runtime = replace(exchange.runtime, clock=loop.time)
    running = RunningAttempts(exchange)
    start_call = make_start_call((Translate().before, *before))
    running.run = FailoverRun(exchange, FailoverOptions(**options), start_call, running)
    running.run.start()
    running.wake_by(running.run.due)
    return running


def start_attempts(rows: Sequence[Any], plan: str = "abc", *, stream: bool = False, **options: Any) -> RunningAttempts:
    """Start the attempts of a request whose n-th one is answered by the n-th row, as in `fakes.steps`."""
    exchange = planned_exchange(plan, transport=FakeTransport(list(rows)))
    exchange.raw, exchange.facts = orjson.dumps({**BODY, "stream": stream}), Facts("chat", "m", stream=stream)
    return start_run(exchange, **options)


class Requests:
    """Several requests of one sidecar, whose attempts are answered by the rows in turn; `options` are those of failover."""

    def __init__(self, rows: Sequence[Any], **options: Any) -> None:
        self.transport, self.options = FakeTransport(list(rows)), options
        runtime = planned_exchange(transport=self.transport).runtime
        self.runtime = replace(runtime, clock=asyncio.get_running_loop().time)
        self.runtime.resilience.random.seed(1)

    def start(self, plan: str = "ab", *, facts: Facts | None = None, policy: Policy | None = None) -> RunningAttempts:
        exchange = planned_exchange(plan)
        exchange.runtime, exchange.raw = self.runtime, orjson.dumps(BODY)
        exchange.facts, exchange.policy = facts or Facts("chat", "m"), policy or Policy()
        return start_run(exchange, **self.options)


async def run_attempts(rows: Sequence[Any], plan: str = "abc", **options: Any) -> RunningAttempts:
    """Run the attempts of a request to their end."""
    running = start_attempts(rows, plan, **options)
    await running.has_ended.wait()
    return running


def parse_stream(parts: list[bytes]) -> tuple[str, list[str], list[str], int]:
    """Return text, finish reasons, error codes and the number of `[DONE]`s of a stream."""
    text, finishes, errors, done = "", list[str](), list[str](), 0
    for frame in split_frames(b"".join(parts)):
        data = decode(frame).data
        if data == b"[DONE]":
            done += 1
        elif data:
            event = orjson.loads(data)
            errors += [event["error"]["code"]] if "error" in event else []
            for choice in event.get("choices", ()):
                text += choice["delta"].get("content") or ""
                finishes += [choice["finish_reason"]] if choice["finish_reason"] else []
    return text, finishes, errors, done
