"""A minimal simulated provider, much faster than any proxy: `python -m bench.upstream PORT`.

It speaks OpenAI's format, and Anthropic's to requests for `/v1/messages`.
"""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import dataclass
from typing import cast

import uvloop

from bench import payloads

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STREAM = re.compile(rb'"stream" *: *true')
_MODEL = re.compile(rb'"model" *: *"([^"]*)"')
_COUNT = re.compile(rb'"max_(?:completion_)?tokens" *: *(\d+)')

_HEADERS = "".join(f"{name}: {value}\r\n" for name, value in payloads.PROVIDER_HEADERS).encode()
_HEAD = (
    b"HTTP/1.1 200 OK\r\nDate: Mon, 01 Jun 2026 12:00:00 GMT\r\nContent-Type: %b\r\n%bServer: cloudflare\r\n%b\r\n\r\n"
)
_RATES = {model.encode(): rate for rate, model in payloads.STREAM_MODELS.items()}
_REFUSAL = b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _complete(body: bytes) -> bytes:
    return _HEAD % (b"application/json", _HEADERS, b"Content-Length: %d" % len(body)) + body


@dataclass(frozen=True, slots=True)
class StreamAnswer:
    """The writes of a streamed answer. `content` is repeated."""

    first: bytes
    content: bytes
    last: tuple[bytes, ...]

    @classmethod
    def of(cls, first: bytes, content: bytes, last: tuple[bytes, ...]) -> StreamAnswer:
        """Frame the events as a chunked HTTP response."""
        head = _HEAD % (b"text/event-stream; charset=utf-8", _HEADERS, b"Transfer-Encoding: chunked")
        ending = (*map(_chunk, last[:-1]), _chunk(last[-1]) + b"0\r\n\r\n")
        return cls(head + _chunk(first), _chunk(content), ending)


_ANSWER, _TOOLS_ANSWER = _complete(payloads.UNARY_ANSWER), _complete(payloads.TOOLS_ANSWER)
_OPENAI = StreamAnswer.of(payloads.FIRST_EVENT, payloads.CONTENT_EVENT, payloads.LAST_EVENTS)
_ANTHROPIC = StreamAnswer.of(payloads.ANTHROPIC_FIRST, payloads.ANTHROPIC_CONTENT, payloads.ANTHROPIC_LAST)


class UpstreamProtocol(asyncio.Protocol):
    """One connection: serves requests with a Content-Length, one after another."""

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._buffer = b""
        self._timer: asyncio.TimerHandle | None = None
        self._stream = _OPENAI

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
            request, self._buffer = self._buffer[:total], self._buffer[total:]
            self._answer(request.partition(b" ")[2], request[end + 4 :])

    def _answer(self, target: bytes, body: bytes) -> None:
        if not _STREAM.search(body):
            has_tools = target.startswith(payloads.TOOLS_BASE.encode())
            self.transport.write(_TOOLS_ANSWER if has_tools else _ANSWER)
            return
        self._stream = _ANTHROPIC if target.startswith(payloads.ANTHROPIC_PATH.encode()) else _OPENAI
        self.transport.write(self._stream.first)
        count, model = _COUNT.search(body), _MODEL.search(body)
        rate = _RATES.get(model[1], 50) if model else 50
        self._schedule(1, int(count[1]) if count else 1, 1 / rate, self._loop.time())

    def _schedule(self, number: int, count: int, interval: float, start: float) -> None:
        """Schedule event `number`. Times are multiples of the interval from `start`, so that delays do not add up."""
        self._timer = self._loop.call_at(start + number * interval, self._write_event, number, count, interval, start)

    def _write_event(self, number: int, count: int, interval: float, start: float) -> None:
        if number <= count:
            self.transport.write(self._stream.content)
            self._schedule(number + 1, count, interval, start)
        else:
            self._timer = None
            for data in self._stream.last:
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
