"""A running sidecar: its listener, what it needs, and how it starts and stops."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address

from structlog.typing import FilteringBoundLogger

from proxy.config.schema import Listen
from proxy.exchange import Services
from proxy.generation import Generation
from proxy.middleware.auth import Auth
from proxy.server import Front, Listener, listener
from proxy.upstream.http1.transport import Http1Transport

_LAST = 0.1
"""Seconds that connections get to close; aiohttp takes 0 for no limit at all."""


class Exposed(Exception):
    """The listener would be open to a network without asking for a key."""


@dataclass(slots=True)
class Sidecar:
    """Serves until it is stopped."""

    front: Front
    listener: Listener
    server: asyncio.Server
    transport: Http1Transport
    drain_timeout: float

    @property
    def url(self) -> str:
        """Where it listens, such as `http://127.0.0.1:8090`, or the unix socket's path."""
        name = self.server.sockets[0].getsockname()
        if isinstance(name, str):
            return f"unix:{name}"
        host = f"[{name[0]}]" if ":" in name[0] else name[0]
        return f"http://{host}:{name[1]}"

    async def stop(self) -> None:
        """Take no more connections, let what is in hand finish within the drain's timeout, close the rest."""
        self.server.close()
        self.front.draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self.drain_timeout):
                await self.front.drained()
        await self.listener.shutdown(_LAST)
        self.transport.close()


async def start(generation: Generation, log: FilteringBoundLogger, listen: Listen) -> Sidecar:
    """A sidecar that listens there. Raises Exposed for an open one without keys, OSError where it cannot listen."""
    check_exposure(listen, generation)
    transport = Http1Transport.of(os.environ)
    services = Services(transport=transport, log=log, clock=time.monotonic, wall=time.time)
    front = Front(services, generation)
    serving = listener(front)
    server = await _bound(serving, listen)
    return Sidecar(front, serving, server, transport, generation.snapshot.drain.timeout)


async def _bound(serving: Listener, listen: Listen) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    if listen.unix is None:
        return await loop.create_server(serving, listen.host, listen.port, reuse_address=True)
    server = await loop.create_unix_server(serving, listen.unix)
    os.chmod(listen.unix, 0o660)
    return server


def check_exposure(listen: Listen, generation: Generation) -> None:
    """Raises Exposed unless keys are asked for, or only this machine can connect."""
    keys = any(isinstance(each, Auth) and each.keys for each in generation.pipeline.middlewares)
    if not keys and listen.unix is None and not _is_loopback(listen.host):
        raise Exposed(
            f"listen: host {listen.host} is reachable from outside and no key is asked for; "
            "name keys under pipeline: auth: keys, or listen on 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
