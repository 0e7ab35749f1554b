"""A caller's connection without a socket: what it sends arrives in the cuts that a test gives it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson

from proxy.generation import Generation
from proxy.runtime import Runtime
from proxy.server import Listener, ProxyHandler, build_listener
from tests.fakes import BODY, NOW, FakeTransport, MemoryLog, generation

ASK = orjson.dumps(BODY)
STREAM = orjson.dumps({**BODY, "stream": True})


class FakeSocket(asyncio.Transport):
    """The transport of a connection: keeps what is sent, and may refuse to take any more."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.unsent_bytes = 0
        """What the caller has not taken yet."""
        self.is_full = False
        """Whether what is written from now on stays unsent."""
        self._is_reading = True
        self.has_written_eof = self.is_aborted = False
        self._is_closing = False
        self.protocol: Any = None

    def write(self, data: Any) -> None:
        assert not self.has_written_eof, "nothing follows the end"
        self.sent += data
        if self.is_full:
            self.unsent_bytes += len(data)
            if not self.protocol.writing_paused:
                self.protocol.pause_writing()

    def take(self, size: int) -> None:
        """Let the caller take so many bytes."""
        self.unsent_bytes -= size
        if not self.unsent_bytes:
            self.is_full = False
            self.protocol.resume_writing()
            if self._is_closing:
                self.lose()

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.has_written_eof = True

    def pause_reading(self) -> None:
        self._is_reading = False

    def resume_reading(self) -> None:
        self._is_reading = True

    def is_reading(self) -> bool:
        return self._is_reading

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            if not self.unsent_bytes:
                self.lose()

    def abort(self) -> None:
        self.is_aborted = self._is_closing = True
        self.lose()

    def lose(self) -> None:
        asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


@dataclass
class Caller:
    """One connection to a listener."""

    listener: Listener
    socket: FakeSocket = field(default_factory=FakeSocket)

    def __post_init__(self) -> None:
        self.protocol: Any = self.listener()
        self.socket.protocol = self.protocol
        self.protocol.connection_made(self.socket)

    def send(self, *parts: bytes) -> None:
        """Send bytes, each part as the event loop would deliver it."""
        for part in parts:
            if not self.socket.is_closing():
                self.protocol.data_received(part)

    def disconnect(self) -> None:
        """Leave."""
        self.protocol.connection_lost(None)

    @property
    def is_closed(self) -> bool:
        return self.socket.is_closing()

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes from the listener."""
        return self.socket.has_written_eof or self.is_closed

    @property
    def responses(self) -> list[tuple[int, dict[str, str], bytes]]:
        """Status, headers in lower case and body of each response so far; a response to HEAD must be the last."""
        found, rest = [], bytes(self.socket.sent)
        while rest:
            head, _, rest = rest.partition(b"\r\n\r\n")
            line, *lines = head.decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
            length = int(headers.get("content-length", 0))
            if headers.get("transfer-encoding") == "chunked":
                body, rest = _chunks(rest)
            elif "content-length" in headers or line.startswith("HTTP/1.1 1"):
                body, rest = rest[:length], rest[length:]
            else:
                body, rest = rest, b""
            found.append((int(line.split()[1]), headers, body))
        return found

    @property
    def statuses(self) -> list[int]:
        return [status for status, _, _ in self.responses]


def _chunks(data: bytes) -> tuple[bytes, bytes]:
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        body, data = body + data[:length], data[length + 2 :]
        if not length:
            break
    return body, data


@dataclass
class World:
    """A listener whose providers answer with rows."""

    transport: FakeTransport
    log: MemoryLog
    handler: ProxyHandler
    listener: Listener

    def connect(self) -> Caller:
        return Caller(self.listener)

    @property
    def watched(self) -> set[Any]:
        """The connections whose deadlines are watched."""
        return self.handler.timer._watched


def world(*rows: Any, built: Generation | None = None) -> World:
    """Return a listener whose clock is the event loop's."""
    loop = asyncio.get_running_loop()
    transport, log = FakeTransport(list(rows)), MemoryLog()
    runtime = Runtime.create(transport, log.logger, loop.time, lambda: NOW)
    handler = ProxyHandler(runtime, built or generation())
    return World(transport, log, handler, build_listener(handler))


def post(body: bytes = ASK, *headers: str, path: str = "/v1/chat/completions", version: str = "1.1") -> bytes:
    """Return a request with its Content-Length."""
    lines = [f"POST {path} HTTP/{version}", "Host: localhost", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Return a request whose body is chunked."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + end
