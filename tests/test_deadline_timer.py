"""Deadlines are checked soon after they have passed, in sweeps that are rare and stop when nothing waits."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any

import pytest

from proxy import deadline_timer
from proxy.deadline_timer import INTERVAL_S, DeadlineTimer
from tests.virtual_time import virtual_time


@dataclass
class LoopTimer:
    when: float
    callback: Callable[..., None]
    args: tuple[Any, ...]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


@dataclass
class FakeLoop:
    """An event loop whose clock tests advance."""

    now: float = 0.0
    timers: list[LoopTimer] = field(default_factory=list)
    set_timers: int = 0
    """How many timers were set in all."""
    errors: list[BaseException] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[..., None], *args: Any) -> LoopTimer:
        self.set_timers += 1
        self.timers.append(LoopTimer(when, callback, args))
        return self.timers[-1]

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.errors.append(context["exception"])

    @property
    def pending(self) -> list[float]:
        """When the timers that are set will run."""
        return [timer.when for timer in self.timers if not timer.is_cancelled]

    def advance_to(self, now: float) -> None:
        while due := [timer for timer in self.timers if not timer.is_cancelled and timer.when <= now]:
            timer = min(due, key=lambda each: each.when)
            self.now = max(self.now, timer.when)
            self.timers.remove(timer)
            timer.callback(*timer.args)
        self.now = now


@dataclass(eq=False)
class Waiter:
    """Something that waits, and the times at which it was checked."""

    due: float
    checked_at: list[float] = field(default_factory=list)
    on_check: Callable[[], None] = lambda: None

    def check(self, now: float) -> None:
        self.checked_at.append(now)
        self.due = inf
        self.on_check()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> FakeLoop:
    made = FakeLoop()
    monkeypatch.setattr(deadline_timer, "get_running_loop", lambda: made)
    return made


@pytest.fixture
def timer() -> DeadlineTimer:
    return DeadlineTimer()


def test_a_deadline_is_checked_once_when_it_has_passed(loop: FakeLoop, timer: DeadlineTimer) -> None:
    waiter = Waiter(2)
    timer.watch(waiter)
    loop.advance_to(1.9)
    assert waiter.checked_at == []
    loop.advance_to(10)
    assert waiter.checked_at == [2]


def test_nothing_that_waits_sets_no_timer(loop: FakeLoop, timer: DeadlineTimer) -> None:
    idle = Waiter(inf)
    timer.watch(idle)
    assert loop.set_timers == 0
    timer.watch(Waiter(2))
    loop.advance_to(10)
    assert loop.pending == [] and loop.set_timers == 1


def test_a_deadline_may_move_later_without_a_call(loop: FakeLoop, timer: DeadlineTimer) -> None:
    waiter = Waiter(1)
    timer.watch(waiter)
    for due in (2, 3, 4):
        waiter.due = due
    assert loop.set_timers == 1
    loop.advance_to(1)
    assert waiter.checked_at == [] and loop.pending == [4]
    loop.advance_to(4)
    assert waiter.checked_at == [4]


def test_a_deadline_that_moves_earlier_is_watched_again(loop: FakeLoop, timer: DeadlineTimer) -> None:
    waiter = Waiter(3600)
    timer.watch(waiter)
    waiter.due = 1
    timer.watch(waiter)
    loop.advance_to(5)
    assert waiter.checked_at == [1]


def test_a_deadline_set_by_a_check_is_kept(loop: FakeLoop, timer: DeadlineTimer) -> None:
    waiter = Waiter(1)

    def go_on() -> None:
        waiter.due = loop.now + 1

    waiter.on_check = go_on
    timer.watch(waiter)
    loop.advance_to(3)
    assert waiter.checked_at == [1, 2, 3]


def test_what_is_not_watched_any_more_is_not_checked(loop: FakeLoop, timer: DeadlineTimer) -> None:
    waiter = Waiter(1)
    timer.watch(waiter)
    timer.unwatch(waiter)
    timer.unwatch(waiter)
    loop.advance_to(5)
    assert waiter.checked_at == [] and loop.pending == []
    timer.watch(waiter)
    loop.advance_to(5 + INTERVAL_S)
    assert waiter.checked_at == [5 + INTERVAL_S]


def test_a_check_may_end_others_of_the_same_sweep(loop: FakeLoop, timer: DeadlineTimer) -> None:
    pair = [Waiter(1), Waiter(1)]
    pair[0].on_check = lambda: timer.unwatch(pair[1])
    pair[1].on_check = lambda: timer.unwatch(pair[0])
    for waiter in pair:
        timer.watch(waiter)
    loop.advance_to(5)
    assert sorted(waiter.checked_at for waiter in pair) == [[], [1]]


def test_a_check_may_begin_to_watch_others(loop: FakeLoop, timer: DeadlineTimer) -> None:
    late, soon = Waiter(4), Waiter(2)
    first = Waiter(1, on_check=lambda: timer.watch(soon))
    for waiter in (late, first):
        timer.watch(waiter)
    loop.advance_to(5)
    assert [waiter.checked_at for waiter in (first, soon, late)] == [[1], [2], [4]]


def test_deadlines_close_together_share_a_sweep(loop: FakeLoop, timer: DeadlineTimer) -> None:
    waiters = [Waiter(1 + index * INTERVAL_S / 100) for index in range(100)]
    for waiter in waiters:
        timer.watch(waiter)
    loop.advance_to(2)
    assert {len(waiter.checked_at) for waiter in waiters} == {1}
    assert loop.set_timers <= 3
    assert all(waiter.checked_at[0] <= 1 + 2 * INTERVAL_S for waiter in waiters)


def test_a_stream_of_new_deadlines_does_not_put_off_a_sweep(loop: FakeLoop, timer: DeadlineTimer) -> None:
    first = Waiter(1)
    timer.watch(first)
    for step in range(100):
        loop.advance_to(0.99 + step * INTERVAL_S / 10)
        timer.watch(Waiter(loop.now + INTERVAL_S / 100))
    assert first.checked_at == [1]


def test_a_check_that_fails_does_not_stop_the_others(loop: FakeLoop, timer: DeadlineTimer) -> None:
    def fail() -> None:
        raise ValueError

    waiters = [Waiter(1), Waiter(1, on_check=fail), Waiter(1), Waiter(2)]
    for waiter in waiters:
        timer.watch(waiter)
    loop.advance_to(3)
    assert [waiter.checked_at for waiter in waiters] == [[1], [1], [1], [2]]
    assert [type(error) for error in loop.errors] == [ValueError]


@virtual_time
async def test_a_deadline_is_checked_by_a_real_event_loop() -> None:
    loop: AbstractEventLoop = asyncio.get_running_loop()
    done, timer = asyncio.Event(), DeadlineTimer()
    waiter = Waiter(loop.time() + 3, on_check=done.set)
    timer.watch(waiter)
    due = waiter.due
    await done.wait()
    assert due <= waiter.checked_at[0] <= due + INTERVAL_S
