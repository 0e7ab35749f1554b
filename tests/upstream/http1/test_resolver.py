"""Names are looked up once for all who ask, and remembered while they may be."""

from __future__ import annotations

import asyncio
import socket

import pytest

from proxy.upstream.http1.resolver import TTL_S, Address, Resolver

FOUR = [Address(socket.AF_INET, (f"10.0.0.{n}", 443)) for n in (1, 2)]
SIX = [Address(socket.AF_INET6, (f"fd00::{n}", 443, 0, 0)) for n in (1, 2)]


class Names:
    """Look-ups that wait until they are let go, and the clock."""

    def __init__(self, *answers: list[Address] | OSError) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.now = 0.0
        self.go = asyncio.Event()
        self.go.set()
        self.resolver = Resolver(self.look_up, lambda: self.now)

    async def look_up(self, host: str, port: int) -> list[Address]:
        self.asked += 1
        answer = self.answers.pop(0)
        await self.go.wait()
        if isinstance(answer, OSError):
            raise answer
        return answer


async def test_an_answer_is_remembered_for_its_time() -> None:
    names = Names(FOUR, SIX)
    assert await names.resolver.resolve("h", 443) == await names.resolver.resolve("h", 443) == FOUR
    names.now = TTL_S
    assert await names.resolver.resolve("h", 443) == SIX
    assert names.asked == 2


@pytest.mark.parametrize("failure", [OSError("no"), []])
async def test_a_failure_is_not_remembered(failure: OSError | list[Address]) -> None:
    names = Names(failure, FOUR)
    with pytest.raises(OSError, match="no"):
        await names.resolver.resolve("h", 443)
    assert await names.resolver.resolve("h", 443) == FOUR


async def test_those_who_ask_at_once_share_a_look_up_and_one_may_leave() -> None:
    names = Names(FOUR)
    names.go.clear()
    leaver, stayer = (asyncio.ensure_future(names.resolver.resolve("h", 443)) for _ in range(2))
    await asyncio.sleep(0)
    leaver.cancel()
    names.go.set()
    assert await stayer == FOUR
    assert names.asked == 1


async def test_a_failure_nobody_waits_for_is_quiet() -> None:
    names = Names(OSError("no"))
    names.go.clear()
    leaver = asyncio.ensure_future(names.resolver.resolve("h", 443))
    await asyncio.sleep(0)
    leaver.cancel()
    names.go.set()
    await asyncio.wait([leaver])


async def test_families_take_turns() -> None:
    names = Names([*SIX, *FOUR])
    assert await names.resolver.resolve("h", 443) == [SIX[0], FOUR[0], SIX[1], FOUR[1]]


@pytest.mark.parametrize(("host", "address"), [("10.0.0.1", FOUR[0]), ("fd00::1", SIX[0])])
async def test_an_address_needs_no_look_up(host: str, address: Address) -> None:
    assert await Names().resolver.resolve(host, 443) == [address]


async def test_the_system_knows_localhost() -> None:
    assert ("127.0.0.1", 80) in [address.sockaddr for address in await Resolver().resolve("localhost", 80)]
