"""A provider over a real socket that does not respond, or not to the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.running import RunningSidecar


class SilentProvider:
    """A provider that sends given bytes, then nothing, and records when the sidecar closes the connection."""

    def __init__(self, sent: bytes = b"") -> None:
        self._sent = sent
        self.was_asked, self.was_closed = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> SilentProvider:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self._sent)
        self.was_asked.set()
        while await reader.read(65536):
            pass
        self.was_closed.set()
        writer.close()

    async def __aexit__(self, *_: object) -> None:
        self._server.close()


def point_at(started: RunningSidecar, port: int) -> None:
    """Let both providers be the one at that port."""
    generation = started.sidecar.handler.generation
    targets = tuple(
        replace(target, base_url=f"http://127.0.0.1:{port}/v1") for target in generation.snapshot.models["m"]
    )
    snapshot = replace(generation.snapshot, models={"m": targets})
    started.sidecar.handler.generation = replace(generation, snapshot=snapshot)
