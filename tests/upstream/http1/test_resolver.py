"""The resolver caches results and shares lookups between concurrent callers."""

from __future__ import annotations

import asyncio
import socket

import pytest

from proxy.upstream.http1.resolver import TTL_S, Address, Resolver

FOUR = [Address(socket.AF_INET, (f"10.0.0.{n}", 443)) for n in (1, 2)]
SIX = [Address(socket.AF_INET6, (f"fd00::{n}", 443, 0, 0)) for n in (1, 2)]


class Names:
    """Lookups with given results, which wait for an event, and a clock."""

    def __init__(self, *results: list[Address] | OSError) -> None:
        self.results = list(results)
        self.lookups = 0
        self.now = 0.0
        self.proceed = asyncio.Event()
        self.proceed.set()
        self.resolver = Resolver(self.look_up, lambda: self.now)

    async def look_up(self, host: str, port: int) -> list[Address]:
        self.lookups += 1
        result = self.results.pop(0)
        await self.proceed.wait()
        if isinstance(result, OSError):
            raise result
        return result


async def test_a_result_is_cached_for_the_ttl() -> None:
    names = Names(FOUR, SIX)
    assert [set(await names.resolver.resolve("h", 443)) for _ in range(2)] == [set(FOUR)] * 2
    names.now = TTL_S
    assert await names.resolver.resolve("h", 443) == SIX
    assert names.lookups == 2


async def test_all_addresses_of_a_name_are_used_in_turn_and_their_families_keep_their_order() -> None:
    first, second = (Address(socket.AF_INET, (f"10.0.0.{last}", 443)) for last in (1, 2))
    six = Address(socket.AF_INET6, ("::1", 443, 0, 0))
    names = Names([six, first, second])
    orders = [await names.resolver.resolve("h", 443) for _ in range(3)]
    assert orders == [[six, first, second], [six, second, first], [six, first, second]]


@pytest.mark.parametrize("failure", [OSError("no"), []])
async def test_a_failure_is_not_cached(failure: OSError | list[Address]) -> None:
    names = Names(failure, FOUR)
    with pytest.raises(OSError, match="no"):
        await names.resolver.resolve("h", 443)
    assert await names.resolver.resolve("h", 443) == FOUR


async def test_concurrent_callers_share_a_lookup_and_one_may_be_cancelled() -> None:
    names = Names(FOUR)
    names.proceed.clear()
    cancelled, waiting = (asyncio.ensure_future(names.resolver.resolve("h", 443)) for _ in range(2))
    await asyncio.sleep(0)
    cancelled.cancel()
    names.proceed.set()
    assert await waiting == FOUR
    assert names.lookups == 1


async def test_a_failed_lookup_without_callers_logs_no_warning() -> None:
    names = Names(OSError("no"))
    names.proceed.clear()
    cancelled = asyncio.ensure_future(names.resolver.resolve("h", 443))
    await asyncio.sleep(0)
    cancelled.cancel()
    names.proceed.set()
    await asyncio.wait([cancelled])


@pytest.mark.parametrize(("host", "address"), [("10.0.0.1", FOUR[0]), ("fd00::1", SIX[0])])
async def test_an_ip_address_needs_no_lookup(host: str, address: Address) -> None:
    assert await Names().resolver.resolve(host, 443) == [address]


async def test_localhost_is_resolved_by_the_system() -> None:
    assert ("127.0.0.1", 80) in [address.sockaddr for address in await Resolver().resolve("localhost", 80)]
