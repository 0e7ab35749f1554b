"""Which idle connections are kept, and for how long."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from proxy.upstream.http1 import pool
from proxy.upstream.http1.pool import IDLE_TIMEOUT_S, Pool, RoutePool
from proxy.upstream.http1.transport import Http1Transport
from tests.faults.server import RECV, FaultServer, send
from tests.upstream.http1.exchange import OK, exchange, question


class Idle:
    """A connection as far as a shelf looks at it."""

    def __init__(self, age: float = 0, usable: bool = True) -> None:
        self.idle_since = asyncio.get_running_loop().time() - age
        self.is_usable = usable
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def shelved(*connections: Any, **options: Any) -> RoutePool:
    shelf = RoutePool(**options)
    for connection in connections:
        shelf.release(connection)
    return shelf


async def test_the_newest_goes_first() -> None:
    old, new = Idle(5), Idle(1)
    shelf = shelved(old, new)
    assert [shelf.acquire(), shelf.acquire(), shelf.acquire()] == [new, old, None]


@pytest.mark.parametrize(("age", "usable"), [(0, False), (IDLE_TIMEOUT_S + 0.1, True)], ids=["gone bad", "too old"])
async def test_what_cannot_be_used_is_closed(age: float, usable: bool) -> None:
    bad = Idle(age, usable)
    assert shelved(bad).acquire() is None
    assert bad.aborted


async def test_there_is_room_for_so_many() -> None:
    first, second = Idle(), Idle()
    assert shelved(first, second, limit=1).acquire() is first
    assert second.aborted


async def test_a_forgotten_one_is_gone() -> None:
    lost, kept = Idle(), Idle()
    shelf = shelved(kept, lost)
    shelf.remove(lost)  # type: ignore[arg-type]
    shelf.remove(lost)  # type: ignore[arg-type]
    assert [shelf.acquire(), shelf.acquire()] == [kept, None]


async def test_a_sweep_closes_the_old_and_leaves_the_new() -> None:
    old, new = Idle(9), Idle(1)
    shelf = shelved(old, new)
    shelf.close_idle_since(old.idle_since + 1)
    assert (old.aborted, new.aborted) == (True, False)


async def test_a_closed_shelf_takes_nothing_back() -> None:
    kept, late = Idle(), Idle()
    shelf = shelved(kept)
    shelf.close()
    shelf.release(late)  # type: ignore[arg-type]
    assert (kept.aborted, late.aborted, shelf.acquire()) == (True, True, None)


async def test_idle_connections_are_closed_in_time(monkeypatch: pytest.MonkeyPatch, transport: Http1Transport) -> None:
    monkeypatch.setattr(pool, "IDLE_TIMEOUT_S", 0.05)
    async with FaultServer([RECV, send(OK)]) as server:
        await exchange(transport, question(server))
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_an_empty_pool_has_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "IDLE_TIMEOUT_S", 0.01)
    empty = Pool()
    empty.for_route("route")  # type: ignore[arg-type]
    await asyncio.sleep(0.03)
    assert empty._timer is None
    empty.close()
