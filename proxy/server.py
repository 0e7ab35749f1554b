"""The listener: aiohttp's requests become Exchanges, and Responses go to the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from math import inf
from random import getrandbits
from typing import cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_protocol import RequestHandler

from proxy import __version__, buffered_response
from proxy.control.pages import find_page
from proxy.errors import InvalidRequestError, ParrotError, RequestTimeoutError, ResourceExhaustedError
from proxy.exchange import Exchange, Runtime
from proxy.generation import Generation
from proxy.messages import Body, RawResponse, Request, Response
from proxy.middleware.header_policy import REQUEST_ID
from proxy.telemetry.activity import LoadedConfig

BODY_TIMEOUT_S = 30.0
"""Seconds the client may be silent while it sends its body."""
KEEP_ALIVE_S = 75.0
"""Seconds; aiohttp has no timer of its own for a request head, so this bounds it too."""
_REFUSED_WITHIN = 1.0
"""Seconds that a refused connection has to take its answer."""
_SERVER = f"parrot/{__version__}"
_JSON = "application/json"
_UNREAD = (408, 413)
"""Statuses of requests whose body may still be coming: the connection ends with them."""
_STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}


@dataclass(slots=True)
class ProxyHandler:
    """Answers the data listener's requests with the generation of the moment."""

    runtime: Runtime
    generation: Generation
    new_id: Callable[[], str] = lambda: f"{getrandbits(96):024x}"
    draining: bool = False
    """The process is about to end: connections are closed after their answer."""
    active: int = 0
    """Requests in hand, from their head to their last byte."""
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    _streams: set[Response] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.activate(self.generation)

    def activate(self, generation: Generation) -> None:
        """Requests that come from now on take this one; those in hand keep theirs."""
        self.generation = generation
        self.runtime.on_snapshot(generation.snapshot)
        self.runtime.activity.loaded = LoadedConfig(generation.number, generation.digest, self.runtime.wall())

    def drain(self) -> None:
        """Be ready no more; what comes is served all the same."""
        self.draining = True

    def abort_streams(self) -> None:
        """Break the streams in hand; each ends with an error event."""
        for response in self._streams:
            response.close()

    async def wait_idle(self) -> None:
        """Returns when no request is in hand."""
        while self.active:
            self._idle.clear()
            await self._idle.wait()

    async def __call__(self, http_request: web.BaseRequest) -> web.StreamResponse:
        """One request, to its very end."""
        self.active += 1
        try:
            return await self._serve(http_request)
        finally:
            self.active -= 1
            if not self.active:
                self._idle.set()

    async def _serve(self, http_request: web.BaseRequest) -> web.StreamResponse:
        exchange = self._exchange(http_request)
        response: Response | None = None
        try:
            response = await self._respond(exchange, http_request)
            written = await self._write(http_request, response, exchange)
            exchange.outcome = _outcome(exchange)
            return written
        except ConnectionResetError:
            return web.Response()  # the client is gone; nobody reads this
        except Exception:
            # Here, and where it ends, anything may land: the log gets the traceback, the caller a plain 500 if it can.
            self.runtime.log.exception("request_unhandled_error", request_id=exchange.id)
            exchange.outcome = ParrotError.code
            if http_request.writer.output_size:
                raise
            return await self._write(http_request, _internal_error(), exchange)
        finally:
            if response is not None:
                response.close()
            self._close(exchange)

    def _close(self, exchange: Exchange) -> None:
        try:
            exchange.close()
        except Exception:
            # The answer is out: what fails only now must not take the connection with it.
            self.runtime.log.exception("request_unhandled_error", request_id=exchange.id)
        _count(exchange)
        exchange.release()

    def _exchange(self, http_request: web.BaseRequest) -> Exchange:
        asked = http_request.headers.get("X-Request-Id", "")
        return Exchange(
            id=asked if asked and REQUEST_ID.fullmatch(asked) else self.new_id(),
            request=Request(
                http_request.method, http_request.raw_path, http_request.headers, partial(_read_body, http_request)
            ),
            snapshot=self.generation.snapshot,
            runtime=self.runtime,
            started=self.runtime.clock(),
        )

    async def _respond(self, exchange: Exchange, http_request: web.BaseRequest) -> Response:
        try:
            if http_request.version < (1, 1) and "Transfer-Encoding" in http_request.headers:
                raise InvalidRequestError("HTTP/1.0 has no Transfer-Encoding (RFC 9112, 6.1)")
            pipeline = self.generation.pipeline
            return await (find_page(http_request.raw_path, pipeline) or pipeline.handler)(exchange)
        except ParrotError as error:
            exchange.outcome = error.outcome
            return Response(error.status, error.headers, error.body())

    async def _write(self, http_request: web.BaseRequest, response: Response, exchange: Exchange) -> web.StreamResponse:
        """Every byte out, at the client's own pace."""
        exchange.status = response.status
        headers = {**response.headers, **exchange.response_headers(), "Server": _SERVER}
        if isinstance(response, RawResponse):
            return cast(web.StreamResponse, await response.run(http_request, headers))
        last = self.draining or response.status in _UNREAD
        if isinstance(response.body, bytes):
            headers["Content-Type"] = _JSON
            headers["Date"] = buffered_response.http_date(int(exchange.runtime.wall()))
            written = buffered_response.SentResponse(http_request.keep_alive and not last)
            await http_request.writer.write(
                buffered_response.encode_response(http_request, response, headers, written.keep_alive)
            )
            # A client may send requests without reading: the next one waits until this response has left.
            await http_request.writer.drain()
            return cast(web.StreamResponse, written)
        return await self._stream(http_request, response, headers, last)

    async def _stream(
        self, http_request: web.BaseRequest, response: Response, headers: dict[str, str], last: bool
    ) -> web.StreamResponse:
        assert not isinstance(response.body, bytes)
        written = web.StreamResponse(status=response.status, headers={**headers, **_STREAM_HEADERS})
        if last or http_request.version < (1, 1):
            written.force_close()  # HTTP/1.0 has no chunks: only the connection's end tells a stream's
        writer = await written.prepare(http_request)
        assert writer is not None, "it is prepared once"
        self._streams.add(response)
        try:
            await _copy_body(http_request, response.body, writer, chunked="Transfer-Encoding" in written.headers)
        finally:
            self._streams.discard(response)
        await written.write_eof()
        return written


async def _copy_body(http_request: web.BaseRequest, body: Body, writer: AbstractStreamWriter, *, chunked: bool) -> None:
    """The body, each part as it comes; the next is not asked for before the client has room for it."""
    protocol, transport = http_request.protocol, http_request.transport
    writer.send_headers()
    while data := await body.read():
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        # Past the writer, which has a coroutine and a join for each part; for framing and pausing this is all it does.
        transport.write(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
        if protocol.writing_paused:
            await writer.drain()


def _count(exchange: Exchange) -> None:
    tally = exchange.runtime.counters
    tally.record_request(exchange.endpoint, exchange.status, exchange.outcome)
    if len(exchange.attempts) > 1:
        tally.record_failovers([attempt.step.target.provider.name for attempt in exchange.attempts])
    if exchange.endpoint and exchange.overhead_ms is not None:
        tally.overhead_s.record(exchange.overhead_ms / 1000)


def _internal_error() -> Response:
    return Response(500, {}, ParrotError("the sidecar failed; its log says more").body())


def _outcome(exchange: Exchange) -> str:
    if exchange.outcome != "client_disconnected":
        return exchange.outcome
    serving = exchange.winning_attempt
    if serving is None:
        return "ok"
    serving.outcome = serving.outcome or "ok"
    return serving.outcome


async def _read_body(http_request: web.BaseRequest, hold: Callable[[int], None]) -> bytes:
    """The whole body, each part announced to `hold` before it is kept."""
    if http_request.headers.get("Expect", "").lower() == "100-continue" and http_request.transport is not None:
        http_request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")  # the low-level server never does
    if http_request.content.is_eof():
        data = http_request.content.read_nowait()  # all of it came with the head, as it mostly does
        hold(len(data))
        return data
    parts = []
    try:
        while not http_request.content.at_eof():
            async with asyncio.timeout(BODY_TIMEOUT_S):
                parts.append(await http_request.content.readany())
            hold(len(parts[-1]))
    except TimeoutError:
        raise RequestTimeoutError(f"nothing of the body came for {BODY_TIMEOUT_S:g} s") from None
    return b"".join(parts)


class _Protocol(RequestHandler):
    """aiohttp's, but for what it says of a request it cannot parse: neither answer nor log repeats it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(self._manager, Listener)
        if self._manager.has_room:
            super().connection_made(transport)
            return
        self._force_close = True  # what it sends is not read
        self._manager.refuse(cast(asyncio.Transport, transport))

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("the answer broke off")  # what is sent cannot be unsent: the connection is closed
        error = (
            InvalidRequestError("the request is not well-formed HTTP/1.1")
            if status < 500
            else ParrotError("the sidecar failed")
        )
        response = web.Response(status=error.status, body=error.body(), content_type=_JSON, headers={"Server": _SERVER})
        response.force_close()
        return response


class Listener(web.Server):
    """aiohttp's low-level server with every option set as a proxy needs it, and none lost on the way."""

    max_connections: float = inf
    on_full: Callable[[ParrotError], None] = staticmethod(lambda error: None)
    """Called with the error that a refused connection gets."""

    @property
    def has_room(self) -> bool:
        """Whether another connection may be served."""
        return len(self._connections) < self.max_connections

    def refuse(self, transport: asyncio.Transport) -> None:
        """Answer 503 at once and close; out of descriptors, the system would leave the client waiting without a word."""
        error = ResourceExhaustedError(f"the sidecar is full: {self.max_connections} connections are open; try again")
        self.on_full(error)
        head = f"HTTP/1.1 503 Service Unavailable\r\nServer: {_SERVER}\r\nConnection: close\r\nRetry-After: 1\r\n"
        body = error.body()
        transport.write(f"{head}Content-Type: {_JSON}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        transport.write_eof()
        # Closed at once it might reach the client as a reset, because its request was not read.
        self._loop.call_later(_REFUSED_WITHIN, transport.abort)

    def __call__(self) -> RequestHandler:
        # The base class quietly drops all options when it does not know one; this does not.
        return _Protocol(self, loop=self._loop, **self._kwargs)


def build_listener(handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> Listener:
    """The server for `handler`; a client that leaves cancels it, and so the upstream call."""
    return Listener(
        handler,
        handler_cancellation=True,
        keepalive_timeout=KEEP_ALIVE_S,
        access_log=None,
        auto_decompress=False,
    )
