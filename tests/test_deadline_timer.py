"""The timer expires at the current deadline, not at an earlier one, and rarely sets a timer of the event loop."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import cast

import pytest

from proxy.deadline_timer import DeadlineTimer


@dataclass
class LoopTimer:
    when: float
    callback: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


@dataclass
class FakeLoop:
    """An event loop whose clock tests advance."""

    now: float = 0.0
    timers: list[LoopTimer] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> LoopTimer:
        self.timers.append(LoopTimer(when, callback))
        return self.timers[-1]

    def advance_to(self, now: float) -> None:
        for timer in [timer for timer in self.timers if not timer.is_cancelled and timer.when <= now]:
            self.now = max(self.now, timer.when)
            self.timers.remove(timer)
            timer.callback()
        self.now = now


class Subject:
    """A timer, the deadline it reads, and the times at which it expired."""

    def __init__(self) -> None:
        self.loop = FakeLoop()
        self.deadline = inf
        self.expired_at: list[float] = []
        self.timer = DeadlineTimer(cast(AbstractEventLoop, self.loop), lambda: self.deadline, self.expire)

    def expire(self) -> None:
        self.expired_at.append(self.loop.now)
        self.deadline = inf


@pytest.fixture
def subject() -> Subject:
    return Subject()


def test_it_expires_once_at_the_deadline(subject: Subject) -> None:
    subject.deadline = 2
    subject.timer.reschedule()
    subject.loop.advance_to(1.9)
    assert subject.expired_at == []
    subject.loop.advance_to(10)
    assert subject.expired_at == [2] and subject.loop.timers == []


def test_a_deadline_may_move_later_without_a_call(subject: Subject) -> None:
    subject.deadline = 1
    subject.timer.reschedule()
    for deadline in (2, 3, 4):
        subject.deadline = deadline
    assert len(subject.loop.timers) == 1
    subject.loop.advance_to(1)
    assert subject.expired_at == [] and [timer.when for timer in subject.loop.timers] == [4]
    subject.loop.advance_to(4)
    assert subject.expired_at == [4]


def test_a_deadline_that_moves_earlier_is_rescheduled(subject: Subject) -> None:
    subject.deadline = 3600
    subject.timer.reschedule()
    subject.deadline = 1
    subject.timer.reschedule()
    subject.loop.advance_to(5)
    assert subject.expired_at == [1]


def test_a_stopped_timer_does_not_expire(subject: Subject) -> None:
    subject.deadline = 1
    subject.timer.reschedule()
    subject.timer.stop()
    subject.loop.advance_to(5)
    assert subject.expired_at == []
    subject.timer.reschedule()
    subject.loop.advance_to(6)
    assert subject.expired_at == [5]
