"""A scripted TCP server for fault tests: each connection runs through a list of operations."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One received request; header names are in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Peer:
    """One connection: its requests, and when the other side closed it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    requests: list[RecordedRequest] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    closed_at: float | None = None


Op = Callable[[Peer], Awaitable[None]]
"""One step of a script. After its last step a connection stays open until the other side closes it."""

Script = Sequence[Op]


async def RECV(peer: Peer) -> None:
    """Read one request, head and body, and record it."""
    line, headers = await _head(peer.reader)
    body = await peer.reader.readexactly(int(headers.get("content-length", "0")))
    peer.requests.append(RecordedRequest(line, headers, body))


async def RECV_HEAD(peer: Peer) -> None:
    """Read the head of one request and record it without a body."""
    peer.requests.append(RecordedRequest(*await _head(peer.reader), b""))


async def _head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.rstrip("\r\n").split("\r\n")
    return line, {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}


def send(data: bytes) -> Op:
    """Return an operation that sends these bytes."""

    async def op(peer: Peer) -> None:
        peer.writer.write(data)
        await peer.writer.drain()

    return op


def reply(build: Callable[[RecordedRequest], bytes]) -> Op:
    """Return an operation that sends bytes built from the last request."""

    async def op(peer: Peer) -> None:
        await send(build(peer.requests[-1]))(peer)

    return op


def wait_for(event: asyncio.Event) -> Op:
    """Return an operation that waits for the event."""

    async def op(_: Peer) -> None:
        await event.wait()

    return op


def set_event(event: asyncio.Event) -> Op:
    """Return an operation that sets the event."""

    async def op(_: Peer) -> None:
        event.set()

    return op


async def FIN(peer: Peer) -> None:
    """Close the connection after everything is sent."""
    peer.writer.close()


async def RST(peer: Peer) -> None:
    """Reset the connection; unsent data is lost."""
    peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.writer.transport.abort()


async def HALF(peer: Peer) -> None:
    """Close the sending side only."""
    peer.writer.write_eof()


async def STALL(peer: Peer) -> None:
    """Wait until the other side closes, and record the time. Implied at the end of a script."""
    try:
        while await peer.reader.read(65536):
            pass
    except ConnectionError:
        pass
    peer.closed_at = asyncio.get_running_loop().time()
    peer.closed.set()


async def NOREAD(peer: Peer) -> None:
    """Stop reading for good. With a small `receive_buffer` the other side soon blocks."""
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.Event().wait()


def http_response(body: bytes = b"{}", *, status: str = "200 OK", headers: str = "") -> bytes:
    """Return a complete response with Content-Length; `headers` are lines that end in CRLF."""
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def http_chunk(data: bytes) -> bytes:
    """Return one chunk of the chunked encoding; b"" gives the last chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
"""The head of a chunked event stream."""


class FaultServer:
    """A server whose connection n plays script n; further connections play the last script."""

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None, receive_buffer: int | None = None) -> None:
        self.scripts = scripts
        self.peers: list[Peer] = []
        self._tls = tls
        self._receive_buffer = receive_buffer
        self._players: set[asyncio.Task[None]] = set()

    @property
    def requests(self) -> list[RecordedRequest]:
        """All received requests, in the order of their connections."""
        return [request for peer in self.peers for request in peer.requests]

    def url(self, path: str = "/v1/chat/completions", host: str = "127.0.0.1") -> str:
        """Return the URL of the server."""
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def refuse(self) -> None:
        """Refuse connections from now on."""
        self._server.close()

    async def __aenter__(self) -> FaultServer:
        sock = socket.socket()
        if self._receive_buffer is not None:
            # Accepted connections inherit it. It must be set before the TCP window is announced.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        sock.bind(("127.0.0.1", 0))
        self.port = sock.getsockname()[1]
        self._server = await asyncio.start_server(self._accept, sock=sock, ssl=self._tls, limit=2**16)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        self._server.close()
        for player in self._players:
            player.cancel()
        results = await asyncio.gather(*self._players, return_exceptions=True)
        for peer in self.peers:
            peer.writer.transport.abort()
        if kind is None:
            failed = [result for result in results if isinstance(result, Exception)]
            assert not failed, failed

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self.scripts[min(len(self.peers), len(self.scripts) - 1)]
        peer = Peer(reader, writer)
        self.peers.append(peer)
        self._players.add(asyncio.ensure_future(_play(peer, script)))


async def _play(peer: Peer, script: Script) -> None:
    try:
        for op in script:
            await op(peer)
        await STALL(peer)
    except (ConnectionError, asyncio.IncompleteReadError):
        # The other side closed the connection during the script.
        peer.closed_at = asyncio.get_running_loop().time()
        peer.closed.set()
