"""The providers' health as it changes: over a websocket, or as server-sent events."""

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
"""Seconds in which a websocket that came without a key must send one."""
HEARTBEAT_S = 20.0
"""Seconds between pings; a client that does not answer one is gone."""
SEND_TIMEOUT_S = 10.0
"""Seconds that one server-sent event may take to be taken."""
_MAX_MESSAGE = 4096


async def stream(exchange: Exchange) -> Response:
    """Takes the wire over. Raises InvalidRequestError for a request of neither kind, and OverloadedError."""
    headers, feed = exchange.request.headers, exchange.runtime.feed
    if feed.closed or len(feed) >= MAX_SUBSCRIBERS:
        raise _too_many_clients()
    if headers.get("Upgrade", "").lower() == "websocket":
        return RawResponse(101, {}, b"", _Websocket(feed, exchange.authenticate_later).run)
    if "text/event-stream" in headers.get("Accept", ""):
        return RawResponse(200, {}, b"", _Events(feed).run)
    raise InvalidRequestError(
        "this is a stream: come as a websocket, or with Accept: text/event-stream; GET /v1/providers/health is one look"
    )


def _too_many_clients() -> OverloadedError:
    return OverloadedError(
        f"{MAX_SUBSCRIBERS} clients follow already, or the sidecar is leaving", headers={"Retry-After": "5"}
    )


@dataclass(frozen=True, slots=True)
class _Websocket:
    feed: Broadcast
    admits: Callable[[str], str | None] | None
    """Names the caller by its key, where none came with the request."""

    async def run(self, http_request: web.BaseRequest, headers: Mapping[str, str]) -> web.StreamResponse:
        """Until either side leaves."""
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=_MAX_MESSAGE, compress=False)
        socket.headers.update(headers)
        try:
            await socket.prepare(http_request)
        except web.HTTPBadRequest as error:
            refusal = InvalidRequestError(f"not a websocket's handshake: {error.text}")
            return web.Response(status=refusal.status, body=refusal.body(), content_type="application/json")
        if self.admits is not None and not await _authenticate(socket, self.admits):
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"a valid key is required")
            return socket
        await self._follow(socket, http_request)
        return socket

    async def _follow(self, socket: web.WebSocketResponse, http_request: web.BaseRequest) -> None:
        try:
            follower = self.feed.subscribe(lambda: _abort(http_request))
        except TooManySubscribersError:
            await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"too many clients")
            return
        listening = asyncio.create_task(_discard_messages(socket, follower))
        try:
            while (message := await follower.next()) is not None:
                await socket.send_str(message)
            if follower.end_reason == "closed":
                await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the sidecar is leaving")
        finally:
            self.feed.unsubscribe(follower)
            listening.cancel()


@dataclass(frozen=True, slots=True)
class _Events:
    feed: Broadcast

    async def run(self, http_request: web.BaseRequest, headers: Mapping[str, str]) -> web.StreamResponse:
        """Until either side leaves."""
        events = EventSourceResponse(headers=headers, send_timeout=SEND_TIMEOUT_S)
        await events.prepare(http_request)
        async with events:
            try:
                follower = self.feed.subscribe(lambda: _abort(http_request))
            except TooManySubscribersError:
                return events
            try:
                while (message := await follower.next()) is not None:
                    await events.send(message, event=orjson.loads(message)["type"])
            except TimeoutError:
                pass  # it took nothing in all that time, and its connection is gone by now
            finally:
                self.feed.unsubscribe(follower)
        return events


async def _discard_messages(socket: web.WebSocketResponse, follower: Subscriber) -> None:
    """Takes in what the client says, so that its pongs and its leaving are seen; its words are of no interest."""
    try:
        async for _ in socket:
            pass
    except ConnectionResetError:
        pass  # it left while its pong, or its leaving, was being answered
    finally:
        follower.close("left")


async def _authenticate(socket: web.WebSocketResponse, admits: Callable[[str], str | None]) -> bool:
    """Whether the first message is `{"key": "KEY"}` with a known key, and comes in time."""
    try:
        async with asyncio.timeout(KEY_TIMEOUT_S):
            message = await socket.receive()
        said = orjson.loads(message.data) if message.type is WSMsgType.TEXT else None
    except (TimeoutError, orjson.JSONDecodeError):
        return False
    key = said.get("key") if isinstance(said, dict) else None
    return isinstance(key, str) and admits(key) is not None


def _abort(http_request: web.BaseRequest) -> None:
    if http_request.transport is not None:
        http_request.transport.abort()
