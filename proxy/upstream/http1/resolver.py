"""Names to addresses, remembered for a while."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import chain, zip_longest
from typing import Any, NamedTuple

TTL_S = 30.0
"""Seconds an answer is remembered; a failure is not."""


class Address(NamedTuple):
    """What `socket.connect` takes, and the family it is for."""

    family: int
    sockaddr: tuple[Any, ...]


Lookup = Callable[[str, int], Awaitable[list[Address]]]


async def system_lookup(host: str, port: int) -> list[Address]:
    """What the system's resolver says; raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [Address(family, where) for family, _, _, _, where in found]


@dataclass(slots=True)
class Resolver:
    """Callers that ask for the same name at the same time share one look-up."""

    lookup: Lookup = system_lookup
    clock: Callable[[], float] = time.monotonic
    _cache: dict[tuple[str, int], tuple[float, list[Address]]] = field(default_factory=dict, init=False)
    _pending: dict[tuple[str, int], asyncio.Task[list[Address]]] = field(default_factory=dict, init=False)

    async def resolve(self, host: str, port: int) -> list[Address]:
        """In the order to try them, families in turn (RFC 8305, 4); raises OSError."""
        literal = _parse_ip_literal(host, port)
        if literal is not None:
            return [literal]
        expires, known = self._cache.get((host, port), (0.0, []))
        if known and self.clock() < expires:
            return known
        # One caller that gives up does not end the look-up the others wait for.
        return await asyncio.shield(self._pending.get((host, port)) or self._start_lookup(host, port))

    def _start_lookup(self, host: str, port: int) -> asyncio.Task[list[Address]]:
        task = asyncio.ensure_future(self._look_up(host, port))
        self._pending[host, port] = task
        task.add_done_callback(lambda _: self._pending.pop((host, port)))
        # Retrieved, so that a failure nobody waited for is no warning.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _look_up(self, host: str, port: int) -> list[Address]:
        found = _interleave_families(await self.lookup(host, port))
        if not found:
            raise OSError("no address")
        self._cache[host, port] = (self.clock() + TTL_S, found)
        return found


def _parse_ip_literal(host: str, port: int) -> Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    family, more = (socket.AF_INET, ()) if address.version == 4 else (socket.AF_INET6, (0, 0))
    return Address(family, (host, port, *more))


def _interleave_families(addresses: list[Address]) -> list[Address]:
    """The first family's first, then the other's first, and so on."""
    first = [one for one in addresses if one.family == addresses[0].family]
    rest = [one for one in addresses if one.family != addresses[0].family]
    return [one for one in chain.from_iterable(zip_longest(first, rest)) if one is not None]
