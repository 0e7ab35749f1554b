"""Which idle connections are kept, and how long."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from proxy.upstream.http1.dial import Dialer
from proxy.upstream.http1.pool import IDLE_TIMEOUT_S, Pool, RoutePool
from proxy.upstream.http1.transport import Http1Transport
from tests.faults.server import RECV, FaultServer, send
from tests.upstream.http1.client import NO_TRUST, OK, build_request, fetch
from tests.virtual_time import virtual_time


class Idle:
    """What a pool uses of a connection."""

    def __init__(self, age: float = 0, usable: bool = True, is_scarce: bool = False, open_for: float = 20) -> None:
        self.idle_since = asyncio.get_running_loop().time() - age
        self.opened_at = self.idle_since + age - open_for
        self.is_usable = usable
        self.is_scarce = is_scarce
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def pool_of(*connections: Any, **options: Any) -> RoutePool:
    idle = RoutePool(**options)
    for connection in connections:
        idle.release(connection)
    return idle


async def test_the_newest_idle_connection_is_acquired_first() -> None:
    old, new = Idle(5), Idle(1)
    idle = pool_of(old, new)
    assert [idle.acquire(), idle.acquire(), idle.acquire()] == [new, old, None]


@pytest.mark.parametrize(("age", "usable"), [(0, False), (IDLE_TIMEOUT_S + 0.1, True)], ids=["gone bad", "too old"])
async def test_an_unusable_or_expired_connection_is_closed(age: float, usable: bool) -> None:
    bad = Idle(age, usable)
    assert pool_of(bad).acquire() is None
    assert bad.aborted


async def test_a_connection_of_five_minutes_is_not_used_again() -> None:
    old, new = Idle(open_for=301), Idle(open_for=299)
    assert pool_of(old, new).acquire() is new and old.aborted
    aged = Idle(age=10, open_for=305)  # it was released before
    assert pool_of(aged).acquire() is None and aged.aborted


async def test_only_a_connection_used_just_now_is_given_for_a_request_that_is_sent_once() -> None:
    used, fresh = Idle(age=2.1), Idle(age=1.9)
    idle = pool_of(used, fresh)
    assert [idle.acquire(2.0), idle.acquire(2.0), idle.acquire()] == [fresh, None, used]


async def test_a_connection_beyond_the_limit_is_closed() -> None:
    first, second = Idle(), Idle()
    assert pool_of(first, second, limit=1).acquire() is first
    assert second.aborted


async def test_a_connection_that_was_opened_while_descriptors_were_scarce_is_closed() -> None:
    kept, scarce = Idle(), Idle(is_scarce=True)
    assert pool_of(kept, scarce).acquire() is kept
    assert scarce.aborted


@pytest.mark.parametrize("is_scarce", [True, False])
async def test_a_connection_is_kept_unless_descriptors_are_scarce(
    is_scarce: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.upstream.http1.connection.is_scarce", lambda descriptor: is_scarce)
    async with FaultServer([RECV, send(OK), RECV, send(OK)], [RECV, send(OK)]) as server:
        transport = Http1Transport(Dialer(NO_TRUST))
        for _ in range(2):
            await fetch(transport, build_request(server))
        transport.close()
        assert len(server.peers) == (2 if is_scarce else 1)


async def test_a_removed_connection_is_not_acquired() -> None:
    lost, kept = Idle(), Idle()
    idle = pool_of(kept, lost)
    idle.remove(lost)  # type: ignore[arg-type]
    idle.remove(lost)  # type: ignore[arg-type]
    assert [idle.acquire(), idle.acquire()] == [kept, None]


async def test_closing_idle_connections_keeps_recent_ones() -> None:
    old, new = Idle(9), Idle(1)
    idle = pool_of(old, new)
    idle.close_idle_since(old.idle_since + 1)
    assert (old.aborted, new.aborted) == (True, False)


async def test_a_closed_pool_closes_released_connections() -> None:
    kept, late = Idle(), Idle()
    idle = pool_of(kept)
    idle.close()
    idle.release(late)  # type: ignore[arg-type]
    assert (kept.aborted, late.aborted, idle.acquire()) == (True, True, None)


@virtual_time
async def test_expired_idle_connections_are_closed_by_the_timer() -> None:
    transport = Http1Transport(Dialer(NO_TRUST))
    async with FaultServer([RECV, send(OK)]) as server:
        await fetch(transport, build_request(server))
        begun = asyncio.get_running_loop().time()
        await server.peers[0].closed.wait()
        assert IDLE_TIMEOUT_S <= asyncio.get_running_loop().time() - begun <= 2 * IDLE_TIMEOUT_S
    transport.close()


@virtual_time
async def test_an_empty_pool_has_no_timer() -> None:
    empty = Pool()
    empty.for_route("route")  # type: ignore[arg-type]
    assert empty._timer is not None
    await asyncio.sleep(2 * IDLE_TIMEOUT_S)
    assert empty._timer is None
    empty.close()
