"""A caller's connection: reads requests, runs their lifecycles one after the other, and sends the responses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any

from aiohttp import web
from aiohttp.http import RawRequestMessage, StreamWriter
from aiohttp.streams import StreamReader

from proxy.downstream.body_deadline import BODY_TIMEOUT_S, LINGER_S, body_timeout, extend_body_due
from proxy.downstream.body_reader import BodyReader
from proxy.downstream.head_check import check_head
from proxy.downstream.request_host import RequestHost
from proxy.downstream.response_encoder import ResponseEncoder
from proxy.downstream.response_head import SERVER, http_date
from proxy.downstream.server_protocol import ServerProtocol
from proxy.downstream.stall_watch import StallWatch
from proxy.errors import ParrotError
from proxy.lifecycle import RequestLifecycle
from proxy.messages import Headers, Request

KEEP_ALIVE_S = 75.0
"""How long a connection may be idle, and a request's head may take."""


class ClientConnection(ServerProtocol):
    """Serves one caller's requests, one after the other. Implements `response_writer.Client`."""

    __slots__ = (
        "_body", "_encoder", "_hijacker", "_host", "_is_ending", "_is_lingering", "_is_reading_body", "_lifecycle",
        "_stall_watch", "_unsent_bytes", "due",
    )  # fmt: skip

    def __init__(self, manager: web.Server, host: RequestHost, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        super().__init__(manager, loop, host.timer, **options)
        self._host = host
        self._encoder = ResponseEncoder()
        self._lifecycle: RequestLifecycle | None = None
        self._body: BodyReader | None = None
        self._is_reading_body = self._is_lingering = self._is_ending = False
        self._stall_watch = StallWatch(host.timer, loop)
        self._unsent_bytes = 0
        self._hijacker: asyncio.Task[None] | None = None
        self.due = inf

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to watch the connection."""
        super().connection_made(transport)
        self.wake_by(self._loop.time() + KEEP_ALIVE_S)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Abort the request in progress, and so its calls to providers."""
        self.discard_input()
        self._is_ending = True
        if self._lifecycle is not None:
            self._lifecycle.cancel()
        if self._hijacker is not None:
            self._hijacker.cancel()
        self._host.timer.unwatch(self)
        self._stall_watch.stop()
        super().connection_lost(exc)
        self._count_unsent()

    def pause_writing(self) -> None:
        """Slow the provider down, and give the caller up if it takes nothing more."""
        super().pause_writing()
        if self.transport is not None:
            self._stall_watch.start(self.transport)
            self._count_unsent()
        if self._lifecycle is not None:
            self._lifecycle.pause()

    def resume_writing(self) -> None:
        """Read on from the provider, or serve the next request."""
        super().resume_writing()
        self._stall_watch.stop()
        self._count_unsent()
        if self._lifecycle is not None:
            self._lifecycle.resume()
        else:
            self.pump()

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 (aiohttp's signature)
        """Close at once. The listener is stopped only after the requests in progress have ended."""
        if self._hijacker is not None:
            self._hijacker.cancel()
            await asyncio.wait([self._hijacker], timeout=timeout)
        self.force_close()

    # Requests, one after the other.

    def step(self) -> bool:
        """Read on, or begin with the next request. Return False if neither is possible."""
        if self._lifecycle is not None:
            return self._is_reading_body and self._read_on(self._lifecycle)
        if (self._is_lingering and not self._discard()) or self._is_ending or (request := self.next_request()) is None:
            return False
        message, payload = request
        if isinstance(message, ParrotError):
            self._reject(message)
        else:
            self._begin(message, payload)
        return True

    def _begin(self, message: RawRequestMessage, payload: StreamReader) -> None:
        message, refusal = check_head(message)
        self._body = BodyReader(message, payload)
        # After a refused upgrade, or a body that another server may frame differently, it is unknown what follows.
        keep_alive = not (message.should_close or message.upgrade or refusal is not None)
        self._encoder.begin((message.version.major, message.version.minor), message.method, keep_alive=keep_alive)
        self.due = inf
        request = Request(message.method, message.path, message.headers)
        self._lifecycle = lifecycle = self._host.begin(request, self)
        if refusal is not None:
            lifecycle.fail(refusal)
        elif message.method == "OPTIONS" and (answer := self._host.preflight(request)) is not None:
            lifecycle.respond(answer)
        else:
            lifecycle.start()

    def _reject(self, error: ParrotError) -> None:
        """Answer what is not a request. Neither the answer nor the log repeats it."""
        self._host.refusals.record(error)
        self._encoder.begin((1, 1), "", keep_alive=False)
        self.send(error.status, {"Content-Type": "application/json"}, error.body())
        self.end_request()

    def check(self, now: float) -> None:
        """Act on what is due: of the request in progress, or of a connection that is idle for too long."""
        self.due = inf
        if self._lifecycle is None:
            self._close_idle(now)
        elif self._is_reading_body:
            self._end_body(self._lifecycle, body_timeout())
        else:
            self._lifecycle.check(now)

    def read_body(self) -> bytes | None:
        """Return the body if all of it is here, as it mostly is. Otherwise begin to collect it."""
        body, lifecycle = self._body, self._lifecycle
        assert body is not None and lifecycle is not None
        if body.is_complete:
            return body.read(lifecycle.feed_body)
        self._begin_body(body)
        return None

    def _begin_body(self, body: BodyReader) -> None:
        if body.is_awaiting_continue:
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._is_reading_body = True
        self.wake_by(self._loop.time() + BODY_TIMEOUT_S)
        self.pump()

    def _read_on(self, lifecycle: RequestLifecycle) -> bool:
        """Collect what has arrived of the body. Returns whether it is complete, or refused."""
        assert self._body is not None
        size = self._body.size
        try:
            body = self._body.read(lifecycle.feed_body, is_followed=self.has_next_request)
        except ParrotError as error:
            self._end_body(lifecycle, error)
            return True
        self.due = extend_body_due(self.due, self._loop.time(), self._body.size - size)
        if body is None:
            return False
        self._is_reading_body, self.due = False, inf
        lifecycle.end_body(body)
        return True

    def _end_body(self, lifecycle: RequestLifecycle, error: ParrotError) -> None:
        self._is_reading_body, self.due = False, inf
        self._encoder.keep_alive = False
        lifecycle.fail(error)

    # Called by the request's lifecycle, as `read_body`: its response.

    def send(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a complete response in one write. Raises ValueError for a header that would break its head."""
        self._write(self._encoder.complete(status, self._with_own(headers), body))

    def start_stream(self, status: int, headers: Headers) -> None:
        """Begin a stream, whose head leaves with its first events. Raises ValueError as `send` does."""
        self._encoder.start_stream(status, self._with_own(headers))

    def write(self, data: bytes) -> None:
        """Send events."""
        self._write(self._encoder.events(data))

    def end_stream(self) -> None:
        """End the stream."""
        self._write(self._encoder.end_stream())

    def end_request(self) -> None:
        """Go on with the next request, or close the connection once the response has left."""
        self._lifecycle, self._is_reading_body = None, False
        if self._is_ending or self.transport is None:
            return
        if self.transport.get_write_buffer_size():
            self._stall_watch.start(self.transport)
        self.due = self._loop.time() + KEEP_ALIVE_S
        if self._body is not None and not self._body.is_over:
            # Closing now could destroy the response on its way, so the rest of the body is read without using it.
            self._is_lingering, self.due = True, self._loop.time() + LINGER_S
            if not self._encoder.keep_alive and self.transport.can_write_eof():
                self.transport.write_eof()
        else:
            self._go_on()
        if self.due < self._host.timer.next_sweep:
            self._host.timer.watch(self)
        self.pump()

    def abort(self) -> None:
        """Close the connection without a response."""
        self.force_close()

    def wake_by(self, due: float) -> None:
        """Have `check` called at that moment or before."""
        if due < self.due:
            self.due = due
            self._host.timer.watch(self)

    def _with_own(self, headers: Headers) -> dict[str, str]:
        """Return the headers with those of the listener."""
        if self._host.draining:
            self._encoder.keep_alive = False
        return {**headers, "Server": SERVER, "Date": http_date(int(self._host.wall()))}

    def _write(self, data: bytes) -> None:
        if data and self.transport is not None:
            self.transport.write(data)
            if self._unsent_bytes:
                self._count_unsent()

    def _count_unsent(self) -> None:
        """Count for `limits: max_buffered` what the caller does not take: nothing unless writing is paused."""
        size = self.transport.get_write_buffer_size() if self.transport is not None and self.writing_paused else 0
        self._host.load.buffered_bytes += size - self._unsent_bytes
        self._unsent_bytes = size

    def _close_idle(self, now: float) -> None:
        """Close the connection, unless the caller still takes its response."""
        if self.transport is not None and self.transport.get_write_buffer_size():
            self.wake_by(now + KEEP_ALIVE_S)
        else:
            self.force_close()

    def _discard(self) -> bool:
        """Discard what has arrived. Returns whether the body is over."""
        assert self._body is not None
        if not self._body.discard(is_followed=self.has_next_request):
            self._encoder.keep_alive = False
        if not self._body.is_over:
            return False
        self._is_lingering, self.due = False, self._loop.time() + KEEP_ALIVE_S
        self._go_on()
        return True

    def _go_on(self) -> None:
        """Wait for the next request, or close the connection."""
        self._body = None
        if not self._encoder.keep_alive and self.transport is not None:
            self._is_ending = True
            if self.is_malformed and self.transport.can_write_eof():
                # More of it may be coming, whose reset would destroy the response: the caller closes, or `check` does.
                self.due = self._loop.time() + LINGER_S
                self.transport.write_eof()
            else:
                self.transport.close()

    # Called by the request's lifecycle: the whole connection.

    def hijack(self, run: Callable[[Any, Headers], Awaitable[Any]], headers: Headers) -> None:
        """Run a coroutine on the connection, such as a websocket, and close it then."""
        self._encoder.keep_alive = False
        self._hijacker = self._loop.create_task(self._run_hijacker(run, {**headers, "Server": SERVER}))

    async def _run_hijacker(self, run: Callable[[Any, Headers], Awaitable[Any]], headers: Headers) -> None:
        lifecycle, body, task = self._lifecycle, self._body, asyncio.current_task()
        assert lifecycle is not None and body is not None and task is not None
        request = web.BaseRequest(body.message, body.payload, self, StreamWriter(self, self._loop), task, self._loop)
        failure: Exception | None = None
        try:
            response = await run(request, headers)
            await response.prepare(request)
            await response.write_eof()
        except ConnectionError:
            pass  # the caller is gone
        except Exception as error:  # noqa: BLE001 (the log gets the traceback)
            failure = error
        finally:
            self._hijacker = None
            if self._lifecycle is lifecycle:
                lifecycle.hijack_done(failure)
