"""One attempt, and a second beside it if it stays silent; the first with content wins, the other is gone at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from proxy.attempts import settle
from proxy.errors import InvalidRequest, ResourceExhaustedError, UpstreamFailure
from proxy.exchange import Attempt, Handler
from proxy.messages import Response
from proxy.resilience.breaker import CircuitBreaker

Served = tuple[Attempt, Response]


class Failed(Exception):
    """Every runner has failed; the failures stand in the order in which they came."""

    def __init__(self, failures: list[tuple[Attempt, UpstreamFailure]]) -> None:
        super().__init__()
        self.failures = failures


@dataclass(slots=True)
class Race:
    """The first runner runs in the caller's own task, so a race without a second one costs a timer and no task."""

    handler: Handler[Attempt]
    second: Callable[[], Attempt | None]
    """Starts the second runner's attempt; None if there may be none."""
    breaker: CircuitBreaker
    _hedge: asyncio.Task[Served] | None = field(default=None, init=False)
    _attempt: Attempt | None = field(default=None, init=False)
    _running: bool = field(default=True, init=False)
    _overtaken: bool = field(default=False, init=False)

    async def run(self, first: Attempt, hedge_after: float | None) -> Served:
        """The winner and its answer; Failed if nobody has one."""
        timer = None
        if hedge_after is not None:
            loop, task = asyncio.get_running_loop(), asyncio.current_task()
            timer = loop.call_later(hedge_after, self._start_second, task)
        try:
            response = await self.handler(first)
        except UpstreamFailure as failure:
            self._running = False
            return await self._hedged([(first, failure)])
        except BaseException as stopped:
            overtaken = self._is_overtaken(stopped)
            settle.abandoned(first, outrun=overtaken)
            if overtaken:
                return await self._hedged([])
            self._drop_hedge()
            raise
        finally:
            self._running = False
            if timer is not None:
                timer.cancel()
        self._drop_hedge()
        return first, response

    def _is_overtaken(self, stopped: BaseException) -> bool:
        """Whether the first runner was stopped by the second alone."""
        task = asyncio.current_task()
        ours = self._overtaken and isinstance(stopped, asyncio.CancelledError)
        return ours and task is not None and task.uncancel() == 0

    async def _hedged(self, failures: list[tuple[Attempt, UpstreamFailure]]) -> Served:
        """The second runner's answer, now that it is the only one."""
        if self._hedge is None or self._attempt is None:
            raise Failed(failures)
        try:
            served = await self._hedge
        except UpstreamFailure as failure:
            raise Failed([*failures, (self._attempt, failure)]) from None
        except (InvalidRequest, ResourceExhaustedError):
            raise Failed(failures) from None
        except asyncio.CancelledError:
            self._drop_hedge(outrun=False)
            raise
        self._attempt.exchange.services.tally.hedges[self._attempt.step.target.provider.name, "won"] += 1
        return served

    def _start_second(self, first: asyncio.Task[object] | None) -> None:
        self._attempt = self.second()
        if self._attempt is not None:
            self._hedge = asyncio.create_task(self._ran(self._attempt))
            self._hedge.add_done_callback(lambda hedge: self._overtake(hedge, first))

    async def _ran(self, attempt: Attempt) -> Served:
        """The second runner; what becomes of it is noted at once, while the first may go on for long."""
        try:
            return attempt, await self.handler(attempt)
        except UpstreamFailure as failure:
            settle.failed(attempt, failure, self.breaker)
            raise
        except InvalidRequest:
            settle.withdrawn(attempt)
            raise
        except ResourceExhaustedError:
            settle.abandoned(attempt)
            raise

    def _overtake(self, hedge: asyncio.Task[Served], first: asyncio.Task[object] | None) -> None:
        """The second is done first: if it has an answer, the first stops."""
        if hedge.cancelled() or not self._running:
            return
        if hedge.exception() is None and first is not None:
            self._overtaken = True
            first.cancel()

    def _drop_hedge(self, *, outrun: bool = True) -> None:
        """The second runner has lost, or nobody waits for it: whatever it has is closed."""
        if self._hedge is None or self._attempt is None:
            return
        hedge, self._hedge = self._hedge, None
        if not hedge.done():
            hedge.cancel()
        elif not hedge.cancelled() and hedge.exception() is None:
            hedge.result()[1].close()
        settle.abandoned(self._attempt, outrun=outrun)
