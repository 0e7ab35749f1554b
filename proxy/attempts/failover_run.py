"""Runs one request's attempts until one of them has content, and hands its response to the caller.

At most two calls run at a time, an attempt and its hedge. What happens to a call is settled at once (`outcomes.apply`). The
first call with content wins, and the other is aborted. When the last running call has failed, `succession` decides what is
next. Everything runs in callbacks of the event loop.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import Protocol

from proxy.attempts import outcomes
from proxy.attempts.byte_relay import ByteRelay, stream_head
from proxy.attempts.call import Call, StartCall, StreamWriter, ends_request_on_exception
from proxy.attempts.events import Cancelled, Completed, ContentReceived, Discarded, Failed
from proxy.attempts.hedging import HedgeWatch
from proxy.attempts.planner import AttemptPlanner, RetrySameTarget
from proxy.attempts.settings import FailoverOptions
from proxy.attempts.starter import AttemptStarter
from proxy.attempts.stream_relay import StreamRelay
from proxy.attempts.succession import FailedAttempt, Next, Succession
from proxy.errors import InvalidRequestError, ParrotError, UpstreamError
from proxy.exchange import Attempt, Exchange
from proxy.messages import Response


class ResponseHandler(StreamWriter, Protocol):
    """Takes the response of a request, complete or as a stream."""

    def respond(self, response: Response) -> None:
        """Take a complete response, or the head of a stream, which `write` and `finish` follow."""

    def fail(self, error: ParrotError) -> None:
        """Take the error that is the caller's response."""


class FailoverRun:
    """One request's attempts. Implements `attempts.call.CallListener`."""

    __slots__ = (
        "_calls", "_exchange", "_failed", "_failures", "_handler", "_hedging", "_is_paused", "_next", "_options",
        "_relay", "_retry", "_retry_due", "_start_call", "_starter", "_succession",
    )  # fmt: skip

    def __init__(
        self, exchange: Exchange, options: FailoverOptions, start_call: StartCall, handler: ResponseHandler
    ) -> None:
        self._exchange = exchange
        self._options = options
        self._start_call = start_call
        self._handler = handler
        planner = AttemptPlanner(exchange, options)
        self._starter = AttemptStarter(exchange, planner)
        self._succession = Succession(exchange, planner, self._starter)
        self._calls: list[Call] = []
        self._failed: list[FailedAttempt] = []
        """Failures since the last decision over what is next."""
        self._next: Attempt | None = None
        self._retry: RetrySameTarget | None = None
        self._relay: StreamRelay | ByteRelay | None = None
        self._is_paused = False
        self._retry_due = inf
        self._hedging = HedgeWatch(planner, handler.wake_by)

    # Called by the request's lifecycle.

    @property
    def due(self) -> float:
        """The moment at which `check` has something to do."""
        return self._relay.due if self._relay is not None else min(self._hedging.due, self._retry_due)

    def start(self) -> None:
        """Start the first attempt."""
        runtime = self._exchange.runtime
        runtime.resilience.hedge_budget.deposit(self._options.hedge.budget, runtime.clock())
        first = self._starter.start(self._starter.planner.first())
        if first is not None:
            self._run(first)
        else:
            self._handler.fail(self._succession.error())

    def check(self, now: float) -> None:
        """Start the hedge or the retry that is due."""
        if self._relay is not None:
            self._relay.check(now)
        elif now >= self._hedging.due:
            if self._hedging.check(now) and (hedge := self._starter.start_hedge(is_free=self._hedging.is_free)):
                self._run(hedge)
        elif now >= self._retry_due:
            self._start_retry()

    def pause(self) -> None:
        """Stop reading from the provider, now or from its first content on, because the caller does not take what it sends."""
        self._is_paused = True
        if self._relay is not None:
            self._relay.pause()

    def resume(self) -> None:
        """Read on after `pause`."""
        self._is_paused = False
        if self._relay is not None:
            self._relay.resume()

    def interrupt(self, failure: UpstreamError) -> None:
        """End the request with this error. A stream that only lacks its trailer is complete."""
        if self._relay is not None:
            self._relay.interrupt(failure)
        else:
            self.cancel()
            self._handler.fail(failure)

    def cancel(self) -> None:
        """Stop at once, because the caller has disconnected."""
        if self._retry is not None:
            self._exchange.end_upstream_wait(self._exchange.runtime.clock())
            self._retry = None
        self._abort_calls(Cancelled())
        if self._relay is not None:
            self._relay.cancel()
        self._hedging.end()
        self._retry_due = inf

    # Called by the calls.

    def on_response(self, call: Call, body: bytes) -> None:
        """Take the complete response of the winner."""
        try:
            self._win(call)
            outcomes.apply(call.attempt, Completed(), self._options.circuit_breaker)
            self._handler.respond(Response(200, dict(call.headers), body))
        except Exception as error:  # noqa: BLE001 (as the decorator does, without its cost)
            self.crash(call, error)

    @ends_request_on_exception
    def on_content(self, call: Call, data: bytes) -> None:
        """Take the first content of the winner, and relay the rest of its stream."""
        self._win(call)
        if call.attempt.content_type:
            self._relay = ByteRelay(call, self._handler, self._options.circuit_breaker)
        else:
            self._relay = StreamRelay(call, self._starter, self._start_call, self._handler)
        if self._is_paused:
            self._relay.pause()
        self._handler.respond(stream_head(call))
        self._relay.start(data)

    @ends_request_on_exception
    def on_failure(self, call: Call, failure: ParrotError) -> None:
        """Settle a failed attempt. When no other is running, decide what is next."""
        self._calls.remove(call)
        attempt = call.attempt
        self._hedging.end_of(attempt)
        if isinstance(failure, UpstreamError):
            self._succession.record_failure(failure)
            self._failed.append(FailedAttempt(attempt, failure, outcomes.classify_failure(attempt, failure)))
            self._settle(call, Failed(failure))
        elif isinstance(failure, InvalidRequestError):
            self._settle(call, Discarded())
            self._succession.record_unsupported(failure)
        else:
            self._settle(call, Cancelled(outcome=failure.outcome))
            if not attempt.hedge:  # trouble of this machine: no other provider would fare better
                self._abort_calls(Cancelled())
                self._handler.fail(failure)
                return
        if not self._calls:
            self._decide_next()

    def crash(self, call: Call, error: Exception) -> None:
        """Abort the call and end the request, because of an unexpected exception."""
        call.abort()
        self._handler.crash(error)

    def on_data(self, call: Call, data: bytes) -> None:
        """Unreachable: the relay listens from the first content on."""
        raise AssertionError

    def on_end(self, call: Call) -> None:
        """Unreachable: the relay listens from the first content on."""
        raise AssertionError

    # How attempts follow one another.

    def _run(self, attempt: Attempt) -> None:
        """Start an attempt's call, and whatever follows from its failing at once, without recursion."""
        is_running, self._next = self._next is not None, attempt
        if is_running:
            return
        while (current := self._next) is not None:
            call = self._start_call(current, self)
            self._calls.append(call)
            if not current.hedge:
                self._hedging.begin(current)
            call.start()
            if self._next is current:
                self._next = None

    def _decide_next(self) -> None:
        failed = sorted(self._failed, key=lambda each: each.attempt.hedge)
        self._failed.clear()
        self._follow(self._succession.after(failed), failed)

    def _follow(self, following: Next, failed: list[FailedAttempt]) -> None:
        if isinstance(following, Attempt):
            self._run(following)
        elif isinstance(following, RetrySameTarget):
            self._wait_for(following, failed)
        else:
            self._handler.fail(following)

    def _wait_for(self, retry: RetrySameTarget, failed: list[FailedAttempt]) -> None:
        self._retry, self._failed = retry, failed
        self._retry_due = asyncio.get_running_loop().time() + retry.wait_s
        self._exchange.begin_upstream_wait(self._exchange.runtime.clock())
        self._handler.wake_by(self._retry_due)

    def _start_retry(self) -> None:
        retry, self._retry, self._retry_due = self._retry, None, inf
        assert retry is not None
        self._exchange.end_upstream_wait(self._exchange.runtime.clock())
        failed, self._failed = self._failed, []
        self._follow(self._succession.after_wait(retry, failed), failed)

    def _win(self, call: Call) -> None:
        self._calls.remove(call)
        outcomes.apply(call.attempt, ContentReceived(), self._options.circuit_breaker)
        self._exchange.warnings.extend(call.attempt.provider_request.warnings)
        if call.attempt.hedge:
            self._exchange.runtime.telemetry.counters.hedges[call.attempt.step.target.provider.name, "won"] += 1
        self._hedging.win(call.attempt)
        for loser in self._calls:
            loser.abort()
            self._settle(loser, self._hedging.lose(loser.attempt))
        self._calls.clear()
        self._hedging.end()

    def _abort_calls(self, event: Cancelled) -> None:
        calls, self._calls = self._calls, []
        for call in calls:
            call.abort()
            self._settle(call, event)

    def _settle(self, call: Call, event: Cancelled | Completed | ContentReceived | Discarded | Failed) -> None:
        outcomes.apply(call.attempt, event, self._options.circuit_breaker)
