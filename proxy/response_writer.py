"""Writes one response to the caller: complete, or as a stream that is held, transformed, and kept open with pings."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, Protocol

from proxy.ingress.client_format import ClientFormat
from proxy.messages import ByteStream, Headers, RawResponse, Response, StreamTransform

_JSON = {"Content-Type": "application/json"}
_STREAM = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}


class Client(Protocol):
    """The caller's connection, as a request in progress uses it."""

    def read_body(self) -> bytes | None:
        """Return the whole body, or None if parts of it are still to come: then `RequestLifecycle.feed_body` gets them."""

    def send(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a complete response. Raises ValueError for a header that would break its head."""

    def start_stream(self, status: int, headers: Headers) -> None:
        """Begin a stream of events. Raises ValueError for a header that would break its head."""

    def write(self, data: bytes) -> None:
        """Send more of the stream. Without data, its head if that is still to be sent."""

    def end_stream(self) -> None:
        """End the stream."""

    def end_request(self) -> None:
        """Go on with the next request of the connection, or close it."""

    def hijack(self, run: Callable[[Any, Headers], Awaitable[Any]], headers: Headers) -> None:
        """Give the connection to a coroutine. `RequestLifecycle.hijack_done` is called after it."""

    def abort(self) -> None:
        """Close the connection without a response."""

    def wake_by(self, due: float) -> None:
        """Have `RequestLifecycle.check` called at that moment (`loop.time()`) or before."""


class ResponseWriter:
    """Writes whole events of a stream through the transforms that the middlewares have added.

    Whatever a transform raises, and ValueError for a header that would break the response's head, passes to the caller.
    """

    __slots__ = (
        "_client", "_framing", "_held", "_is_bytes", "_last_write_at", "_loop", "_outcome", "_ping", "_transforms", "is_hijacked",
        "is_streaming", "ping_s",
    )  # fmt: skip

    def __init__(self, client: Client, loop: AbstractEventLoop) -> None:
        self.is_streaming = False
        """Whether the headers of a stream are sent, and its end is not."""
        self.is_hijacked = False
        """Whether a coroutine has the connection."""
        self.ping_s = inf
        """Seconds without an event after which a ping is written."""
        self._client = client
        self._loop = loop
        self._ping = b""
        self._transforms: list[StreamTransform] = []
        self._framing: StreamTransform | None = None
        """Makes what is sent of the events, where that is not the events themselves."""
        self._is_bytes = False
        """Whether what is sent are bytes rather than events."""
        self._held: list[bytes] = []
        """Events that came before the headers could be sent."""
        self._outcome: str | None = None
        self._last_write_at = 0.0

    @property
    def due(self) -> float:
        """The moment of the next ping, unless something is written before."""
        return self._last_write_at + self.ping_s if self.is_streaming and self._ping else inf

    def send(
        self, response: Response, headers: dict[str, str], client_format: ClientFormat, path: str = ""
    ) -> str | None:
        """Send the response, or the headers of a stream and what was held. Return the outcome if that was all.

        `path` is the request's, with its query.
        """
        if isinstance(response, RawResponse):
            assert response.run is not None
            self.is_hijacked = True
            self._client.hijack(response.run, headers)
            return None
        if client_format.request_id_header is not None:
            headers[client_format.request_id_header] = headers["X-Request-Id"]
        if response.error is not None:
            response.error.request_id = headers.get("X-Request-Id")
            self._client.send(response.status, {**_JSON, **headers}, client_format.error_body(response.error))
            return response.error.outcome
        if response.body is not None:
            self._client.send(response.status, {**_JSON, **headers}, response.body)
            return "ok"
        if isinstance(response, ByteStream):
            self._is_bytes = True
            self._client.start_stream(response.status, {**headers, "Content-Type": response.content_type})
        else:
            self._start_events(response, headers, client_format, path)
        self.is_streaming, self._last_write_at = True, self._loop.time()
        held, self._held = self._held, []
        for data in held:
            self.write(data)
        return None if self._outcome is None else self.finish(self._outcome)

    def _start_events(
        self, response: Response, headers: dict[str, str], client_format: ClientFormat, path: str
    ) -> None:
        stream_headers = {**headers, **_STREAM}
        if client_format.framing_of is not None and (framing := client_format.framing_of(path)) is not None:
            stream_headers["Content-Type"], self._framing = framing.content_type, framing.transform()
        self._client.start_stream(response.status, stream_headers)
        self._ping, self._transforms = client_format.ping, response.transforms

    def write(self, data: bytes) -> None:
        """Write events, or bytes."""
        if not self.is_streaming:
            self._held.append(data)
            return
        for transform in self._transforms:
            data = transform.feed(data)
        if self._framing is not None:
            data = self._framing.feed(data)
        if data:
            self._last_write_at = self._loop.time()
            self._client.write(data)

    def finish(self, outcome: str) -> str | None:
        """End the stream and return the outcome, or None if its headers are not sent yet: `send` ends it then."""
        if not self.is_streaming:
            self._outcome = outcome
            return None
        if self._is_bytes and outcome != "ok":
            self.abort(b"")
            return outcome
        rest = b""
        for transform in self._transforms:
            rest = (transform.feed(rest) if rest else b"") + transform.end()
        self._end(rest)
        return outcome

    def abort(self, event: bytes) -> None:
        """End the stream with one last event, past the transforms. Bytes can have none: their connection is closed."""
        if self._is_bytes:
            self.is_streaming = False
            self._client.abort()
        else:
            self._end(event)

    def _end(self, event: bytes) -> None:
        self.is_streaming = False
        if self._framing is not None:
            event = self._framing.feed(event) + self._framing.end()
        if event:
            self._client.write(event)
        self._client.end_stream()

    def ping(self) -> None:
        """Write a ping, which may stand between any two events. In a format without pings, what is left of the head."""
        self._last_write_at = self._loop.time()
        self._client.write(self._ping)
