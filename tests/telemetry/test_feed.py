"""Every follower hears everything in order from where it began, and nobody waits for a slow one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from proxy.telemetry.feed import MOST, ROOM, Feed, Follower, Full


def nothing() -> None:
    pass


async def heard(follower: Follower, count: int) -> list[str | None]:
    return [await follower.next() for _ in range(count)]


async def test_each_hears_everything_from_where_it_began() -> None:
    feed = Feed(lambda: "so far")
    early = feed.follow(nothing)
    feed.publish("1")
    late = feed.follow(nothing)
    feed.publish("2")
    assert await heard(early, 3) == ["so far", "1", "2"]
    assert await heard(late, 2) == ["so far", "2"]


async def test_whoever_waits_is_woken() -> None:
    feed = Feed()
    follower = feed.follow(nothing)
    assert await follower.next() == ""
    waiting = asyncio.create_task(follower.next())
    await asyncio.sleep(0)
    feed.publish("news")
    assert await waiting == "news"


async def test_the_slow_one_is_cut_and_the_others_go_on() -> None:
    cut: list[str] = []
    feed = Feed(lambda: "0")
    slow, quick = feed.follow(lambda: cut.append("slow")), feed.follow(lambda: cut.append("quick"))
    for number in range(1, ROOM + 1):
        await quick.next()
        feed.publish(str(number))
    assert (cut, slow.end, quick.end, len(feed)) == (["slow"], "slow", None, 1)
    assert await slow.next() is None
    assert await quick.next() == str(ROOM)


async def test_there_are_only_so_many() -> None:
    feed = Feed()
    followers = [feed.follow(nothing) for _ in range(MOST)]
    with pytest.raises(Full):
        feed.follow(nothing)
    feed.leave(followers[0])
    feed.leave(followers[0])
    feed.follow(nothing)


async def test_when_it_closes_all_that_was_said_is_still_heard_and_nobody_comes() -> None:
    feed = Feed(lambda: "so far")
    follower = feed.follow(nothing)
    feed.close()
    assert await heard(follower, 3) == ["so far", None, None]
    assert follower.end == "closed"
    with pytest.raises(Full):
        feed.follow(nothing)


async def test_waiting_can_be_cancelled(cancelled: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
    feed = Feed()
    follower = feed.follow(nothing)
    await follower.next()
    await cancelled(follower.next())
    feed.publish("later")
    assert await follower.next() == "later"
