"""One attempt, and a second beside it if it stays silent; the first with content wins, the other is gone at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from proxy.attempts import outcomes
from proxy.errors import InvalidRequestError, ResourceExhaustedError, UpstreamError
from proxy.exchange import Attempt, Handler
from proxy.messages import Response
from proxy.resilience.breaker import BreakerSettings

AttemptResponse = tuple[Attempt, Response]


class AllAttemptsFailedError(Exception):
    """Every runner has failed; the failures stand in the order in which they came."""

    def __init__(self, failures: list[tuple[Attempt, UpstreamError]]) -> None:
        super().__init__()
        self.failures = failures


@dataclass(slots=True)
class HedgedCall:
    """The first runner runs in the caller's own task, so a race without a second one costs a timer and no task."""

    handler: Handler[Attempt]
    start_hedge: Callable[[], Attempt | None]
    """Starts the second runner's attempt; None if there may be none."""
    breaker: BreakerSettings
    _hedge: asyncio.Task[AttemptResponse] | None = field(default=None, init=False)
    _hedge_attempt: Attempt | None = field(default=None, init=False)
    _running: bool = field(default=True, init=False)
    _hedge_won: bool = field(default=False, init=False)

    async def run(self, first: Attempt, hedge_after: float | None) -> AttemptResponse:
        """The winner and its answer; Failed if nobody has one."""
        timer = None
        if hedge_after is not None:
            loop, task = asyncio.get_running_loop(), asyncio.current_task()
            timer = loop.call_later(hedge_after, self._start_hedge, task)
        try:
            response = await self.handler(first)
        except UpstreamError as failure:
            self._running = False
            return await self._await_hedge([(first, failure)])
        except BaseException as stopped:
            overtaken = self._is_hedge_won(stopped)
            outcomes.record_cancelled(first, hedge_lost=overtaken)
            if overtaken:
                return await self._await_hedge([])
            self._drop_hedge()
            raise
        finally:
            self._running = False
            if timer is not None:
                timer.cancel()
        self._drop_hedge()
        return first, response

    def _is_hedge_won(self, stopped: BaseException) -> bool:
        """Whether the first runner was stopped by the second alone."""
        task = asyncio.current_task()
        ours = self._hedge_won and isinstance(stopped, asyncio.CancelledError)
        return ours and task is not None and task.uncancel() == 0

    async def _await_hedge(self, failures: list[tuple[Attempt, UpstreamError]]) -> AttemptResponse:
        """The second runner's answer, now that it is the only one."""
        if self._hedge is None or self._hedge_attempt is None:
            raise AllAttemptsFailedError(failures)
        try:
            served = await self._hedge
        except UpstreamError as failure:
            raise AllAttemptsFailedError([*failures, (self._hedge_attempt, failure)]) from None
        except (InvalidRequestError, ResourceExhaustedError):
            raise AllAttemptsFailedError(failures) from None
        except asyncio.CancelledError:
            self._drop_hedge(hedge_lost=False)
            raise
        self._hedge_attempt.exchange.runtime.counters.hedges[self._hedge_attempt.step.target.provider.name, "won"] += 1
        return served

    def _start_hedge(self, first: asyncio.Task[object] | None) -> None:
        self._hedge_attempt = self.start_hedge()
        if self._hedge_attempt is not None:
            self._hedge = asyncio.create_task(self._run_hedge(self._hedge_attempt))
            self._hedge.add_done_callback(lambda hedge: self._on_hedge_done(hedge, first))

    async def _run_hedge(self, attempt: Attempt) -> AttemptResponse:
        """The second runner; what becomes of it is noted at once, while the first may go on for long."""
        try:
            return attempt, await self.handler(attempt)
        except UpstreamError as failure:
            outcomes.record_failure(attempt, failure, self.breaker)
            raise
        except InvalidRequestError:
            outcomes.discard(attempt)
            raise
        except ResourceExhaustedError:
            outcomes.record_cancelled(attempt)
            raise

    def _on_hedge_done(self, hedge: asyncio.Task[AttemptResponse], first: asyncio.Task[object] | None) -> None:
        """The second is done first: if it has an answer, the first stops."""
        if hedge.cancelled() or not self._running:
            return
        if hedge.exception() is None and first is not None:
            self._hedge_won = True
            first.cancel()

    def _drop_hedge(self, *, hedge_lost: bool = True) -> None:
        """The second runner has lost, or nobody waits for it: whatever it has is closed."""
        if self._hedge is None or self._hedge_attempt is None:
            return
        hedge, self._hedge = self._hedge, None
        if not hedge.done():
            hedge.cancel()
        elif not hedge.cancelled() and hedge.exception() is None:
            hedge.result()[1].close()
        outcomes.record_cancelled(self._hedge_attempt, hedge_lost=hedge_lost)
