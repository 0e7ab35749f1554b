"""A web server over a loopback socket, with pages given as bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import cast

from proxy.upstream.http1.resolver import Address

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452")
PDF = b"%PDF-1.4\n%marked\n"


def page(body: bytes, head: str = "200 OK", *fields: str) -> bytes:
    """A whole response."""
    lines = [f"HTTP/1.1 {head}", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + body


def redirect(location: str) -> bytes:
    return page(b"", "302 Found", f"Location: {location}")


class WebServer:
    """Answers a request for a path with its page, or never where there is none."""

    def __init__(self, pages: Mapping[str, bytes]) -> None:
        self.pages = dict(pages)
        self.heads: list[str] = []
        """The heads of the requests, in the order of arrival."""
        self.hosts: list[str] = []
        """The names that were looked up."""
        self._connections: list[tuple[asyncio.Task[None], asyncio.StreamWriter]] = []
        self.was_left = asyncio.Event()
        """Set when a client has closed its connection."""

    async def __aenter__(self) -> WebServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for _, writer in self._connections:
            writer.close()
        await asyncio.gather(*[task for task, _ in self._connections])

    def url(self, path: str, host: str = "pictures.test") -> str:
        return f"http://{host}:{self.port}{path}"

    async def lookup(self, host: str, port: int) -> list[Address]:
        """Find every name here, except for those that do not exist."""
        self.hosts.append(host)
        if host.startswith("missing."):
            raise OSError("no such name")
        return [Address(2, ("127.0.0.1", port))]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.append((cast("asyncio.Task[None]", asyncio.current_task()), writer))
        try:
            await self._answer(reader, writer)
        finally:
            self.was_left.set()
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        writer.write(self.pages.get(head.split()[1], b""))
        with suppress(ConnectionError):
            while await reader.read(1024):
                pass
