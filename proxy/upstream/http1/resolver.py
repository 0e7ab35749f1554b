"""Resolves host names to addresses, with a short cache."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, NamedTuple

from proxy.daemon_thread import call_on_daemon_thread

TTL_S = 30.0
"""How long a result is cached. Failures are not."""


class Address(NamedTuple):
    """A socket family and the address that `socket.connect` takes for it."""

    family: int
    sockaddr: tuple[Any, ...]


Lookup = Callable[[str, int], Awaitable[list[Address]]]


async def system_lookup(host: str, port: int) -> list[Address]:
    """Return the addresses that the system's resolver finds. Raises OSError.

    Without an answer it takes up to a minute, which an exit of the process must not wait for.
    """
    rows = await call_on_daemon_thread(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return [Address(family, sockaddr) for family, _, _, _, sockaddr in rows]


@dataclass(slots=True)
class Resolver:
    """Caches lookups. Concurrent callers for the same name share one lookup."""

    lookup: Lookup = system_lookup
    clock: Callable[[], float] = time.monotonic
    _cache: dict[tuple[str, int], tuple[float, list[Address]]] = field(default_factory=dict, init=False)
    _turns: dict[tuple[str, int], int] = field(default_factory=dict, init=False)
    """How often each name was resolved."""
    _pending: dict[tuple[str, int], asyncio.Task[list[Address]]] = field(default_factory=dict, init=False)

    async def resolve(self, host: str, port: int) -> list[Address]:
        """Return at least one address. Raises OSError.

        The families are in the resolver's order. Within each of them every call begins with the next address, so that all
        addresses of a name are used.
        """
        literal = _parse_ip_literal(host, port)
        if literal is not None:
            return [literal]
        expires, addresses = self._cache.get((host, port), (0.0, []))
        if not addresses or self.clock() >= expires:
            # Shielded: a caller that is cancelled does not end the lookup of the others.
            addresses = await asyncio.shield(self._pending.get((host, port)) or self._start_lookup(host, port))
        self._turns[host, port] = turn = self._turns.get((host, port), -1) + 1
        return _rotate(addresses, turn)

    def _start_lookup(self, host: str, port: int) -> asyncio.Task[list[Address]]:
        task = asyncio.ensure_future(self._look_up(host, port))
        self._pending[host, port] = task
        task.add_done_callback(lambda _: self._pending.pop((host, port)))
        # Retrieve the exception, so that asyncio does not warn if all callers were cancelled.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _look_up(self, host: str, port: int) -> list[Address]:
        addresses = await self.lookup(host, port)
        if not addresses:
            raise OSError("no address")
        self._cache[host, port] = (self.clock() + TTL_S, addresses)
        return addresses


def _rotate(addresses: list[Address], turn: int) -> list[Address]:
    rotated: list[Address] = []
    for family in dict.fromkeys(address.family for address in addresses):
        same = [address for address in addresses if address.family == family]
        start = turn % len(same)
        rotated += same[start:] + same[:start]
    return rotated


def _parse_ip_literal(host: str, port: int) -> Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    family, more = (socket.AF_INET, ()) if address.version == 4 else (socket.AF_INET6, (0, 0))
    return Address(family, (host, port, *more))
