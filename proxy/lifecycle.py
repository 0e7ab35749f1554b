"""The lifecycle of one request: the pipeline's phases, the attempts between them, and the response.

How: `start` runs the `before` phases one after the other. Where one has to wait (the body is still arriving, or a custom
middleware is a coroutine) it returns, and the same function goes on from that position later. The attempts run in
`FailoverRun`, which calls `respond`, then `write` and `finish` for a stream, or `fail`. `respond` runs the `after`
phases and sends. Everything ends in `_close`, once, whichever way the request took. `_is_failing` is set where a 500 has
replaced a response that could not be sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from math import inf
from typing import Any

from proxy.attempts.failover_run import FailoverRun
from proxy.error_response import error_response
from proxy.errors import ParrotError, UpstreamError
from proxy.exchange import Exchange
from proxy.internal_error import internal_error
from proxy.messages import Response
from proxy.phases import AfterPhases, run_closed
from proxy.pipeline import Pipeline
from proxy.response_writer import Client, ResponseWriter
from proxy.sidecar_headers import sidecar_headers


class RequestLifecycle:
    """One request on its way through a pipeline. Implements `attempts.failover_run.ResponseHandler`."""

    __slots__ = (
        "_client", "_commit_due", "_is_closed", "_is_failing", "_is_responding", "_loop", "_on_closed", "_phases_run",
        "_pipeline", "_position", "_run", "_task", "_writer", "exchange", "write",
    )  # fmt: skip

    def __init__(
        self, exchange: Exchange, pipeline: Pipeline, client: Client, on_closed: Callable[[RequestLifecycle], None]
    ) -> None:
        self.exchange = exchange
        self._pipeline = pipeline
        self._client = client
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._writer = writer = ResponseWriter(client, self._loop)
        self.write = writer.write
        """Sends events, through the transforms that the middlewares have added. Raises what a custom one raises."""
        self._position = 0
        """Of the next `before` phase, in the pipeline's list."""
        self._phases_run = 0
        """Middlewares outside of this position have had their `before`."""
        self._run: FailoverRun | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_responding = self._is_closed = self._is_failing = False
        self._commit_due = inf

    # Called by the client's connection.

    def feed_body(self, size: int) -> None:
        """Count a part of the body. Raises ParrotError where it is over a limit. Then call `fail`."""
        if self.exchange.reserve is not None:
            self.exchange.reserve(self.exchange, size)

    def end_body(self, body: bytes) -> None:
        """Take the whole body, and go on."""
        self.exchange.raw = body
        self.start()

    def pause(self) -> None:
        """Stop reading from the provider, because the caller does not take what is sent."""
        if self._run is not None:
            self._run.pause()

    def resume(self) -> None:
        """Read on after `pause`."""
        if self._run is not None:
            self._run.resume()

    def cancel(self) -> None:
        """Abort the attempts and end the request, because the caller has disconnected."""
        self._cancel_attempts()
        self._close("client_disconnected")

    def interrupt(self, error: ParrotError) -> None:
        """End the request with this error: a stream that has begun with an error event, others with its response."""
        if self._run is not None and self._writer.is_streaming:
            try:
                self._run.interrupt(UpstreamError(error.message, code=error.code))
            except Exception as failure:  # noqa: BLE001 (as below)
                self.crash(failure)
        elif not self._writer.is_hijacked:
            self._cancel_task()
            self._cancel_attempts()
            self._replace_response(error)

    def check(self, now: float) -> None:
        """Act on what is due: the early commit, a ping, a hedge, a retry, a timeout."""
        try:
            if self._run is not None and now >= self._run.due:
                self._run.check(now)
            if now >= self._commit_due and not self._is_responding:
                self._commit_early()
            elif now >= self._writer.due:
                self._writer.ping()
        except Exception as error:  # noqa: BLE001 (the caller gets a plain 500, the log the traceback)
            self.crash(error)
        if not self._is_closed:
            self._schedule()

    def hijack_done(self, error: Exception | None = None) -> None:
        """End the request after its connection was given to a coroutine, which may have failed."""
        if error is not None:
            self.crash(error)
        self._close("ok")

    # The way in.

    def start(self) -> None:
        """Run the request, from where it is, as far as it goes without waiting."""
        exchange, body_index = self.exchange, self._pipeline.body_index
        try:
            for at, phase in self._pipeline.before[self._position :]:
                if self._is_closed or (self._position == body_index and not self._has_body()):
                    return
                self._phases_run = at
                self._position += 1
                if (pending := phase(exchange)) is not None:
                    self._wait_for(pending, lambda _: self.start())
                    return
            if not self._is_closed:
                self._dispatch()
        except ParrotError as error:
            self.fail(error)
        except Exception as error:  # noqa: BLE001 (as above)
            self.crash(error)

    def _has_body(self) -> bool:
        """Return whether the body was read, and begin to read it. A local endpoint answers then."""
        exchange = self.exchange
        if self._phases_run <= self._pipeline.body_position:
            self._phases_run = self._pipeline.body_position + 1
            body = self._client.read_body()
            if body is None:
                return False
            exchange.raw = body
        if exchange.local_handler is None:
            return True
        answer = exchange.local_handler(exchange)
        if isinstance(answer, Response):
            self.respond(answer)
        else:
            self._wait_for(answer, self.respond)
        return False

    def _dispatch(self) -> None:
        """Start the attempts."""
        pipeline, exchange = self._pipeline, self.exchange
        self._phases_run = len(pipeline.middlewares)
        if exchange.facts.stream:
            self._writer.ping_s = pipeline.stream_options.ping
            self._commit_due = self._loop.time() + pipeline.stream_options.early_commit
            self._client.wake_by(self._commit_due)
        self._run = FailoverRun(exchange, pipeline.failover_options_for(exchange), pipeline.start_call, self)
        self._run.start()

    def _wait_for(self, pending: Awaitable[Any], then: Callable[[Any], None]) -> None:
        """Go on with `then` in a task. An error is the caller's response."""

        async def wait() -> None:
            try:
                go_on = partial(then, await pending)
            except ParrotError as error:
                go_on = partial(self.fail, error)
            except Exception as error:  # noqa: BLE001 (as above)
                go_on = partial(self.crash, error)
            self._task = None
            go_on()

        self._task = self._loop.create_task(wait())

    # The way out.

    def respond(self, response: Response) -> None:
        """Take the response, or the head of a stream, run the `after` phases and send it."""
        if self._is_responding or self._is_closed:
            return  # its headers went out early, or the caller is gone
        self._is_responding = True
        phases = AfterPhases(self.exchange, self._pipeline, self._phases_run, self._cancel_attempts)
        if (pending := phases.run(response)) is None:
            self._send(phases.response)
        else:
            self.pause()  # what the provider sends meanwhile is held
            self._task = self._loop.create_task(self._respond_later(phases, pending))

    def fail(self, error: ParrotError) -> None:
        """Take the error that is the caller's response."""
        if not self._is_responding:
            return self.respond(error_response(self.exchange, error))
        try:
            self.write(self.exchange.error_event(error))
        except Exception as failure:  # noqa: BLE001 (a custom transform: the stream ends with an error event)
            self.crash(failure)
        self.finish(error.outcome)

    def finish(self, outcome: str) -> None:
        """End the stream."""
        try:
            if self._writer.finish(outcome) is not None:
                self._close(outcome)
        except Exception as error:  # noqa: BLE001 (as above)
            self.crash(error)

    def wake_by(self, due: float) -> None:
        """Have `check` called at that moment or before."""
        self._client.wake_by(due)

    async def _respond_later(self, phases: AfterPhases, pending: Awaitable[None]) -> None:
        await phases.finish(pending)
        if not self._is_closed:
            self._task = None
            self.resume()  # before what was held is written, so that a caller who does not take it pauses the provider again
            self._send(phases.response)

    def _send(self, response: Response) -> None:
        exchange = self.exchange
        exchange.status = response.status
        try:
            headers = {**response.headers, **sidecar_headers(exchange, exchange.runtime.clock())}
            outcome = self._writer.send(response, headers, exchange.client_format, exchange.request.path)
        except Exception as error:  # noqa: BLE001 (a custom middleware's header or transform)
            self.crash(error)
            return
        if outcome is not None:
            self._close(outcome)
            return
        if exchange.headers_sent_early and self._writer.is_streaming:
            self._writer.ping()
        self._schedule()

    def _commit_early(self) -> None:
        """Send the headers of a stream before any provider has answered."""
        self._commit_due = inf
        self.exchange.headers_sent_early = True
        self.respond(Response(200, {}, None))

    def _schedule(self) -> None:
        due = self._run.due if self._run is not None else inf
        commit_due = inf if self._is_responding else self._commit_due
        self._client.wake_by(min(due, commit_due, self._writer.due))

    # The end.

    def crash(self, error: Exception) -> None:
        """Answer 500 for an unexpected exception, and log it. A stream ends with an error event."""
        internal = internal_error(self.exchange, error)
        if self._is_closed:
            return
        try:
            self._cancel_attempts()
        except Exception as another:  # noqa: BLE001 (the caller is answered all the same)
            internal_error(self.exchange, another)
        if self._writer.is_streaming:
            self._writer.abort(self.exchange.error_event(internal))
            self._close(internal.outcome)
        elif self._is_failing or self._writer.is_hijacked:
            self._client.abort()
            self._close(internal.outcome)
        else:
            self._replace_response(internal)

    def _replace_response(self, error: ParrotError) -> None:
        """Answer with an error in place of what was to be sent, of which nothing was sent yet."""
        if not self._is_responding:
            self.fail(error)
        else:
            self._is_failing = True
            self._send(Response.from_error(error))

    def _close(self, outcome: str) -> None:
        """Run the `closed` phases and go on with the connection's next request."""
        if self._is_closed:
            return
        self._is_closed, self._writer.is_streaming, self.exchange.outcome = True, False, outcome
        self._cancel_task()
        run_closed(self.exchange, self._pipeline, self._phases_run)
        self._on_closed(self)
        self.exchange.release()
        self._run = None  # breaks the reference cycle, so that all is freed by refcount
        self._client.end_request()

    def _cancel_attempts(self) -> None:
        if self._run is not None:
            self._run.cancel()

    def _cancel_task(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
