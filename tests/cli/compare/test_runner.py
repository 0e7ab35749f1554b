"""Every prompt is sent to every model, a few at a time, until a signal stops it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from proxy.cli.compare.chat_request import Answer
from proxy.cli.compare.prompts import Check
from proxy.cli.compare.runner import Plan, Runner
from tests.cli.compare.samples import HELLO, case, said

CASES = (case(Check(contains="a")), case(name="other", temperature=0))


async def test_the_requests_of_a_run_come_before_those_of_the_next_one() -> None:
    sent: list[Any] = []
    reported = []

    async def ask(request: Any) -> Answer:
        sent.append(request)
        return said("abc")

    runner = Runner(Plan(CASES, ("a", "b"), 2, 1), ask, lambda *progress: reported.append(progress[:2]))
    result = await runner.run(asyncio.Event())
    once = [{"model": model, **HELLO, **more} for more in ({}, {"temperature": 0}) for model in "ab"]
    assert sent == [*once, *once]
    assert reported == [(number, 8) for number in range(1, 9)]
    assert [(each.case.name, each.model, each.number) for each in result.runs[3:6]] == [
        ("other", "b", 1), ("capital", "a", 2), ("capital", "b", 2),
    ]  # fmt: skip
    assert result.passed == result.planned == 8
    assert [len(each.findings) for each in result.runs_of("a")] == [1, 0, 1, 0]


async def test_no_more_requests_than_allowed_are_in_flight() -> None:
    current, highest = 0, 0

    async def ask(request: Any) -> Answer:
        nonlocal current, highest
        current += 1
        highest = max(highest, current)
        await asyncio.sleep(0)
        current -= 1
        return said("x")

    await Runner(Plan(CASES, ("a", "b"), 5, 3), ask, lambda *_: None).run(asyncio.Event())
    assert highest == 3


async def test_a_signal_cancels_what_is_in_flight_and_keeps_what_has_finished() -> None:
    stopped = asyncio.Event()
    cancelled = []

    async def ask(request: Any) -> Answer:
        if request["model"] == "quick":
            return said("x")
        stopped.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(request["model"])
        return said()

    result = await Runner(Plan(CASES[1:], ("quick", "slow", "late"), 1, 2), ask, lambda *_: None).run(stopped)
    assert [each.model for each in result.runs] == ["quick"] and result.planned == 3
    assert "slow" in cancelled


async def test_an_unexpected_exception_is_raised() -> None:
    async def ask(request: Any) -> Answer:
        raise LookupError

    with pytest.raises(LookupError):
        await Runner(Plan(CASES, ("a",), 1, 4), ask, lambda *_: None).run(asyncio.Event())
