"""Sends every prompt to every model, a few at a time, until all are answered or a signal stops it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from proxy.cli.compare.chat_request import Answer
from proxy.cli.compare.grading import grade
from proxy.cli.compare.prompt_file import Case
from proxy.cli.compare.results import Comparison, Run

MAX_REQUESTS = 10_000

Ask = Callable[[Mapping[str, Any]], Awaitable[Answer]]
Report = Callable[[int, int, Run], None]
"""Called with the number of finished runs, that of all, and the latest."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent."""

    cases: tuple[Case, ...]
    models: tuple[str, ...]
    runs: int
    concurrency: int

    @property
    def size(self) -> int:
        """The number of requests."""
        return len(self.cases) * len(self.models) * self.runs


@dataclass(slots=True)
class Runner:
    """Carries out one plan."""

    plan: Plan
    ask: Ask
    report: Report

    async def run(self, stopped: asyncio.Event) -> Comparison:
        """Return the results. If `stopped` is set, requests in flight are cancelled, and what has finished is returned."""
        finished: dict[int, Run] = {}
        jobs = enumerate(product(range(1, self.plan.runs + 1), self.plan.cases, self.plan.models))

        async def work() -> None:
            for place, (number, case, model) in jobs:  # shared by all workers
                answer = await self.ask({"model": model, **case.request})
                finished[place] = run = Run(case, model, number, answer, grade(case, answer))
                self.report(len(finished), self.plan.size, run)

        workers = asyncio.gather(*(work() for _ in range(self.plan.concurrency)))
        await _until_done_or_set(workers, stopped)
        runs = tuple(finished[place] for place in sorted(finished))
        return Comparison(self.plan.models, self.plan.cases, runs, self.plan.size)


async def _until_done_or_set(work: asyncio.Future[Any], stopped: asyncio.Event) -> None:
    """Wait for the work, or cancel it when the event is set. Raises the work's exception."""
    waiting = asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait((work, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        work.cancel()
    try:
        await work
    except asyncio.CancelledError:
        if not stopped.is_set():
            raise
