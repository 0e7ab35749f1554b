"""The alarm rings when it is due, not when it was once thought to be."""

from __future__ import annotations

import asyncio
from math import inf

from proxy.deadline_timer import DeadlineTimer


class Due:
    """A moment that tests move about, and how often it was rung for."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.moment = inf
        self.rung = asyncio.Event()
        self.alarm = DeadlineTimer(self.loop, lambda: self.moment, self.ring)

    def ring(self) -> None:
        assert self.loop.time() >= self.moment
        self.moment = inf
        self.rung.set()


async def test_it_rings_once_due() -> None:
    due = Due()
    due.moment = due.loop.time() + 0.02
    due.alarm.reschedule()
    await asyncio.wait_for(due.rung.wait(), 5)
    assert due.alarm._timer is None


async def test_it_may_be_put_off_without_a_word() -> None:
    due = Due()
    due.moment = due.loop.time() + 0.01
    due.alarm.reschedule()
    due.moment += 0.05
    await asyncio.wait_for(due.rung.wait(), 5)


async def test_it_may_be_brought_forward() -> None:
    due = Due()
    due.moment = due.loop.time() + 3600
    due.alarm.reschedule()
    due.moment = due.loop.time()
    due.alarm.reschedule()
    await asyncio.wait_for(due.rung.wait(), 5)


async def test_once_stopped_it_is_silent() -> None:
    due = Due()
    due.moment = due.loop.time()
    due.alarm.reschedule()
    due.alarm.stop()
    await asyncio.sleep(0.01)
    assert not due.rung.is_set()
