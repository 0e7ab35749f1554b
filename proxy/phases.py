"""Runs the phases of a pipeline that follow a request: `after` on its response, `closed` at its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from proxy.errors import ParrotError
from proxy.exchange import Exchange
from proxy.internal_error import internal_error
from proxy.messages import Response
from proxy.middleware.endpoints import Endpoints
from proxy.pipeline import Pipeline


class AfterPhases:
    """The `after` phases of one response, innermost first, of the middlewares outside of one position."""

    __slots__ = ("_exchange", "_on_error", "_phases", "response")

    def __init__(self, exchange: Exchange, pipeline: Pipeline, inside: int, on_error: Callable[[], None]) -> None:
        self.response: Response
        """The response. An error that a phase raises replaces it."""
        self._exchange = exchange
        self._on_error = on_error
        """Called where an error replaces the response, of which nothing is used then."""
        self._phases: Iterator[Callable[[Exchange, Response], Awaitable[None] | None]]
        self._phases = iter(pipeline.after[inside])

    def run(self, response: Response) -> Awaitable[None] | None:
        """Run the phases. Return what to wait for where one is a coroutine, then go on with `finish`."""
        self.response = response
        for phase in self._phases:
            try:
                pending = phase(self._exchange, self.response)
            except Exception as error:  # noqa: BLE001 (whatever it is, it is the caller's response)
                self._replace(error)
            else:
                if pending is not None:
                    return pending
        return None

    async def finish(self, pending: Awaitable[None] | None) -> None:
        """Wait, and run the rest of the phases."""
        while pending is not None:
            try:
                await pending
            except Exception as error:  # noqa: BLE001 (as above)
                self._replace(error)
            pending = self.run(self.response)

    def _replace(self, error: Exception) -> None:
        self._on_error()
        failure = error if isinstance(error, ParrotError) else internal_error(self._exchange, error)
        self.response = Response.from_error(failure)


def run_closed(exchange: Exchange, pipeline: Pipeline, inside: int) -> None:
    """Run the `closed` phases of the middlewares outside of a position, whichever of them fails, and count the request."""
    count: Callable[[Exchange], None] = partial(_count, pipeline.endpoints)
    for phase in (*pipeline.closed[inside], count):
        try:
            phase(exchange)
        except Exception as error:  # noqa: BLE001 (the others must run)
            internal_error(exchange, error)


def _count(endpoints: Endpoints, exchange: Exchange) -> None:
    counters = exchange.runtime.telemetry.counters
    endpoint = exchange.endpoint or endpoints.label(exchange.request.path)
    counters.record_request(endpoint, exchange.status, exchange.outcome)
    if len(exchange.attempts) > 1:
        counters.record_failovers([attempt.step.target.provider.name for attempt in exchange.attempts])
    if exchange.endpoint and exchange.overhead_ms is not None:
        counters.overhead_s.record(exchange.overhead_ms / 1000)
