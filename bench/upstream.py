"""A minimal simulated OpenAI provider, much faster than any proxy: `python -m bench.upstream PORT`."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import cast

import uvloop

from bench.payloads import CONTENT_EVENT, FIRST_EVENT, LAST_EVENTS, UNARY_ANSWER

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STREAM = re.compile(rb'"stream" *: *true')
_MODEL = re.compile(rb'"stream-(\d+)-(\d+)"')


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req_bench\r\nContent-Length: %d\r\n\r\n%b"
    % (len(UNARY_ANSWER), UNARY_ANSWER)
)
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nx-request-id: req_bench\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_REFUSAL = b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_FIRST = _STREAM_HEAD + _chunk(FIRST_EVENT)
_CONTENT = _chunk(CONTENT_EVENT)
_LAST = (*map(_chunk, LAST_EVENTS[:-1]), _chunk(LAST_EVENTS[-1]) + b"0\r\n\r\n")


class UpstreamProtocol(asyncio.Protocol):
    """One connection: serves requests with a Content-Length, one after another."""

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._buffer = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's class does not inherit from it

    def connection_lost(self, error: Exception | None) -> None:
        """Stop the stream."""
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer a request when it is complete."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, end)
        if length is None:
            self.transport.write(_REFUSAL)
            self.transport.close()
            return
        total = end + 4 + int(length[1])
        if len(self._buffer) >= total:
            body, self._buffer = self._buffer[end + 4 : total], self._buffer[total:]
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        model = _MODEL.search(body) if _STREAM.search(body) else None
        if model is None:
            self.transport.write(_ANSWER)
            return
        self.transport.write(_FIRST)
        self._schedule(1, int(model[2]), 1 / int(model[1]), self._loop.time())

    def _schedule(self, number: int, count: int, interval: float, start: float) -> None:
        """Schedule event `number`. Times are multiples of the interval from `start`, so that delays do not add up."""
        self._timer = self._loop.call_at(start + number * interval, self._write_event, number, count, interval, start)

    def _write_event(self, number: int, count: int, interval: float, start: float) -> None:
        if number <= count:
            self.transport.write(_CONTENT)
            self._schedule(number + 1, count, interval, start)
        else:
            self._timer = None
            for data in _LAST:
                self.transport.write(data)


async def serve(port: int) -> asyncio.Server:
    """Start the provider on 127.0.0.1. Port 0 is any free one."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: UpstreamProtocol(loop), "127.0.0.1", port, backlog=1024)


async def _main(port: int) -> None:
    server = await serve(port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1])))
