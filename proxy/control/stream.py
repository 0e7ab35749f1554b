"""`GET /v1/providers/health/stream`: status changes as a websocket, or as server-sent events.

The first message is a snapshot of all providers, each further one a change (`control/watch.py` publishes them).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson
from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp_sse import EventSourceResponse

from proxy.errors import InvalidRequestError, OverloadedError
from proxy.exchange import Exchange
from proxy.messages import RawResponse, Response
from proxy.telemetry.broadcast import MAX_SUBSCRIBERS, Broadcast, Subscriber, TooManySubscribersError

PATH = "/v1/providers/health/stream"

KEY_TIMEOUT_S = 5.0
"""A websocket that was opened without a key must send one within this time."""
HEARTBEAT_S = 20.0
"""Interval of websocket pings. A client that does not answer one is disconnected."""
SEND_TIMEOUT_S = 10.0
"""A client that has not read a server-sent event within this time is disconnected."""
_MAX_MESSAGE_BYTES = 4096


def stream(exchange: Exchange) -> Response:
    """Return a response that takes over the connection: a websocket or an event stream, as the request asks.

    Raises InvalidRequestError for any other request, and OverloadedError at the limit of clients or when shutting down.
    """
    request, headers, feed = exchange.request, exchange.request.headers, exchange.runtime.telemetry.feed
    if feed.closed or len(feed) >= MAX_SUBSCRIBERS:
        raise _too_many_clients()
    if request.method == "GET" and headers.get("Upgrade", "").lower() == "websocket":
        return RawResponse(101, {}, b"", run=_Websocket(feed, exchange.authenticate_later).run)
    if "text/event-stream" in headers.get("Accept", ""):
        return RawResponse(200, {}, b"", run=_Events(feed).run if request.method == "GET" else _send_head)
    raise InvalidRequestError(
        "open this path as a websocket, or send Accept: text/event-stream; for a single report GET /v1/providers/health"
    )


def _too_many_clients() -> OverloadedError:
    return OverloadedError(
        f"limit of {MAX_SUBSCRIBERS} stream clients reached, or shutting down", headers={"Retry-After": "5"}
    )


@dataclass(frozen=True, slots=True)
class _Websocket:
    feed: Broadcast
    authenticate: Callable[[str], str | None] | None
    """Return the name of a key, None for an unknown one. Set only where the request came without a key."""

    async def run(self, http_request: web.BaseRequest, headers: Mapping[str, str]) -> web.StreamResponse:
        """Send messages until the client disconnects or the sidecar shuts down."""
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=_MAX_MESSAGE_BYTES, compress=False)
        socket.headers.update(headers)
        try:
            await socket.prepare(http_request)
        except web.HTTPBadRequest as error:
            failure = InvalidRequestError(f"invalid websocket handshake: {error.text}")
            own = {**headers, "Content-Type": "application/json"}
            return web.Response(status=failure.status, body=failure.body(), headers=own)
        if self.authenticate is not None and not await _receive_key(socket, self.authenticate):
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"a valid key is required")
            return socket
        await self._send_messages(socket, http_request)
        return socket

    async def _send_messages(self, socket: web.WebSocketResponse, http_request: web.BaseRequest) -> None:
        try:
            subscriber = self.feed.subscribe(lambda: _abort(http_request))
        except TooManySubscribersError:
            await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"too many clients")
            return
        reading = asyncio.create_task(_discard_messages(socket, subscriber))
        try:
            while (message := await subscriber.next()) is not None:
                await socket.send_str(message)
            if subscriber.end_reason == "closed":
                await socket.close(code=WSCloseCode.GOING_AWAY, message=b"shutting down")
        finally:
            self.feed.unsubscribe(subscriber)
            reading.cancel()


@dataclass(frozen=True, slots=True)
class _Events:
    feed: Broadcast

    async def run(self, http_request: web.BaseRequest, headers: Mapping[str, str]) -> web.StreamResponse:
        """Send events until the client disconnects or the sidecar shuts down."""
        events = EventSourceResponse(headers=headers, send_timeout=SEND_TIMEOUT_S)
        await events.prepare(http_request)
        async with events:
            try:
                subscriber = self.feed.subscribe(lambda: _abort(http_request))
            except TooManySubscribersError:
                return events
            try:
                while (message := await subscriber.next()) is not None:
                    await events.send(message, event=orjson.loads(message)["type"])
            except TimeoutError:
                pass  # the client did not read in time, and aiohttp has closed its connection
            finally:
                self.feed.unsubscribe(subscriber)
        return events


async def _send_head(http_request: web.BaseRequest, headers: Mapping[str, str]) -> web.StreamResponse:
    """Answer HEAD as GET, without events."""
    return web.StreamResponse(headers={**headers, "Content-Type": "text/event-stream"})


async def _discard_messages(socket: web.WebSocketResponse, subscriber: Subscriber) -> None:
    """Read and ignore messages until the client disconnects: aiohttp handles pongs and close frames only while reading."""
    try:
        async for _ in socket:
            pass
    except ConnectionResetError:
        pass  # it disconnected while a ping or a close frame was being answered
    finally:
        subscriber.close("left")


async def _receive_key(socket: web.WebSocketResponse, authenticate: Callable[[str], str | None]) -> bool:
    """Return whether the first message is `{"key": "KEY"}` with a known key and arrives in time."""
    try:
        async with asyncio.timeout(KEY_TIMEOUT_S):
            message = await socket.receive()
        body = orjson.loads(message.data) if message.type is WSMsgType.TEXT else None
    except (TimeoutError, orjson.JSONDecodeError):
        return False
    key = body.get("key") if isinstance(body, dict) else None
    return isinstance(key, str) and authenticate(key) is not None


def _abort(http_request: web.BaseRequest) -> None:
    if http_request.transport is not None:
        http_request.transport.abort()
