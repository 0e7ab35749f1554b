"""A stream must send content within its target's `content_idle`, its trailer within a second; time paused does not count."""

from __future__ import annotations

import dataclasses
from math import inf

import pytest
from msgspec.structs import replace

from proxy.attempts.stream_deadlines import REASONING_S, TRAILER_TIMEOUT_S, StreamDeadlines
from proxy.config.units import Seconds
from proxy.exchange import Attempt
from proxy.routing.facts import Facts
from tests.fakes import Clock, planned_exchange, start_attempt

IDLE_S = 30.0


def reading(facts: Facts = Facts()) -> Attempt:
    attempt = start_attempt(planned_exchange())
    target = attempt.step.target
    timeouts = replace(target.timeouts, content_idle=Seconds(IDLE_S))
    attempt.step = replace(attempt.step, target=dataclasses.replace(target, timeouts=timeouts))
    attempt.exchange.facts = facts
    return attempt


def test_content_must_come_within_the_targets_time() -> None:
    deadlines = StreamDeadlines(Clock(100.0))
    assert deadlines.next_due(reading()) == 100 + IDLE_S
    deadlines.content_at = 110.0
    assert deadlines.next_due(reading()) == 110 + IDLE_S


@pytest.mark.parametrize(("length", "seconds"), [(0, REASONING_S), (5, IDLE_S)])
def test_a_model_may_think_longer_before_its_text(length: int, seconds: float) -> None:
    attempt = reading(Facts(asks_for_reasoning=True))
    attempt.completion.length = length
    assert StreamDeadlines(Clock(100.0)).next_due(attempt) == 100 + seconds


def test_a_trailer_must_come_soon() -> None:
    deadlines = StreamDeadlines(Clock(100.0))
    assert deadlines.await_trailer() == deadlines.next_due(reading()) == 100 + TRAILER_TIMEOUT_S


def test_time_paused_does_not_count() -> None:
    clock = Clock(100.0)
    deadlines = StreamDeadlines(clock)
    deadlines.await_trailer()
    deadlines.pause()
    clock.now = 150.0
    assert deadlines.next_due(reading()) == 150 + TRAILER_TIMEOUT_S  # looked at again, and put off
    deadlines.resume()
    assert (deadlines.content_at, deadlines.trailer_due) == (150, 150 + TRAILER_TIMEOUT_S)


def test_another_attempt_begins_anew_even_while_the_caller_takes_nothing() -> None:
    clock = Clock(100.0)
    deadlines = StreamDeadlines(clock)
    deadlines.await_trailer()
    deadlines.pause()
    clock.now = 160.0
    deadlines.restart()
    assert (deadlines.content_at, deadlines.paused_at, deadlines.trailer_due) == (160, 160, inf)
