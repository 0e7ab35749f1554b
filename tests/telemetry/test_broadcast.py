"""Every follower hears everything in order from where it began, and nobody waits for a slow one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from proxy.telemetry.broadcast import MAX_QUEUED, MAX_SUBSCRIBERS, Broadcast, Subscriber, TooManySubscribersError


def nothing() -> None:
    pass


async def heard(follower: Subscriber, count: int) -> list[str | None]:
    return [await follower.next() for _ in range(count)]


async def test_each_hears_everything_from_where_it_began() -> None:
    feed = Broadcast(lambda: "so far")
    early = feed.subscribe(nothing)
    feed.publish("1")
    late = feed.subscribe(nothing)
    feed.publish("2")
    assert await heard(early, 3) == ["so far", "1", "2"]
    assert await heard(late, 2) == ["so far", "2"]


async def test_whoever_waits_is_woken() -> None:
    feed = Broadcast()
    follower = feed.subscribe(nothing)
    assert await follower.next() == ""
    waiting = asyncio.create_task(follower.next())
    await asyncio.sleep(0)
    feed.publish("news")
    assert await waiting == "news"


async def test_the_slow_one_is_cut_and_the_others_go_on() -> None:
    cut: list[str] = []
    feed = Broadcast(lambda: "0")
    slow, quick = feed.subscribe(lambda: cut.append("slow")), feed.subscribe(lambda: cut.append("quick"))
    for number in range(1, MAX_QUEUED + 1):
        await quick.next()
        feed.publish(str(number))
    assert (cut, slow.end_reason, quick.end_reason, len(feed)) == (["slow"], "slow", None, 1)
    assert await slow.next() is None
    assert await quick.next() == str(MAX_QUEUED)


async def test_there_are_only_so_many() -> None:
    feed = Broadcast()
    followers = [feed.subscribe(nothing) for _ in range(MAX_SUBSCRIBERS)]
    with pytest.raises(TooManySubscribersError):
        feed.subscribe(nothing)
    feed.unsubscribe(followers[0])
    feed.unsubscribe(followers[0])
    feed.subscribe(nothing)


async def test_when_it_closes_all_that_was_said_is_still_heard_and_nobody_comes() -> None:
    feed = Broadcast(lambda: "so far")
    follower = feed.subscribe(nothing)
    feed.close()
    assert await heard(follower, 3) == ["so far", None, None]
    assert follower.end_reason == "closed"
    with pytest.raises(TooManySubscribersError):
        feed.subscribe(nothing)


async def test_waiting_can_be_cancelled(assert_cancels: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
    feed = Broadcast()
    follower = feed.subscribe(nothing)
    await follower.next()
    await assert_cancels(follower.next())
    feed.publish("later")
    assert await follower.next() == "later"
