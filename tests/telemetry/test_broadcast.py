"""Every subscriber receives all messages in order from its subscription on, and a slow one is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from proxy.telemetry.broadcast import MAX_QUEUED, MAX_SUBSCRIBERS, Broadcast, Subscriber, TooManySubscribersError


def nothing() -> None:
    pass


async def receive(subscriber: Subscriber, count: int) -> list[str | None]:
    return [await subscriber.next() for _ in range(count)]


async def test_each_subscriber_receives_every_message_from_its_subscription_on() -> None:
    broadcast = Broadcast(lambda: "so far")
    early = broadcast.subscribe(nothing)
    broadcast.publish("1")
    late = broadcast.subscribe(nothing)
    broadcast.publish("2")
    assert await receive(early, 3) == ["so far", "1", "2"]
    assert await receive(late, 2) == ["so far", "2"]


async def test_a_waiting_subscriber_is_woken() -> None:
    broadcast = Broadcast()
    subscriber = broadcast.subscribe(nothing)
    assert await subscriber.next() == ""
    waiting = asyncio.create_task(subscriber.next())
    await asyncio.sleep(0)
    broadcast.publish("news")
    assert await waiting == "news"


async def test_a_slow_subscriber_is_aborted_and_the_others_go_on() -> None:
    aborted: list[str] = []
    broadcast = Broadcast(lambda: "0")
    slow, quick = (
        broadcast.subscribe(lambda: aborted.append("slow")),
        broadcast.subscribe(lambda: aborted.append("quick")),
    )
    for number in range(1, MAX_QUEUED + 1):
        await quick.next()
        broadcast.publish(str(number))
    assert (aborted, slow.end_reason, quick.end_reason, len(broadcast)) == (["slow"], "slow", None, 1)
    assert await slow.next() is None
    assert await quick.next() == str(MAX_QUEUED)


async def test_the_number_of_subscribers_is_limited() -> None:
    broadcast = Broadcast()
    subscribers = [broadcast.subscribe(nothing) for _ in range(MAX_SUBSCRIBERS)]
    with pytest.raises(TooManySubscribersError):
        broadcast.subscribe(nothing)
    broadcast.unsubscribe(subscribers[0])
    broadcast.unsubscribe(subscribers[0])
    broadcast.subscribe(nothing)


async def test_after_closing_queued_messages_arrive_and_subscribing_fails() -> None:
    broadcast = Broadcast(lambda: "so far")
    subscriber = broadcast.subscribe(nothing)
    broadcast.close()
    assert await receive(subscriber, 3) == ["so far", None, None]
    assert subscriber.end_reason == "closed"
    with pytest.raises(TooManySubscribersError):
        broadcast.subscribe(nothing)


async def test_waiting_can_be_cancelled(assert_cancels: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
    broadcast = Broadcast()
    subscriber = broadcast.subscribe(nothing)
    await subscriber.next()
    await assert_cancels(subscriber.next())
    broadcast.publish("later")
    assert await subscriber.next() == "later"
