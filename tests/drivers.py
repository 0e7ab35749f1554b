"""Both ways in which a request is driven: by the event loop's callbacks alone, or by a task where a middleware waits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from proxy.exchange import Attempt, Exchange
from proxy.messages import Response
from proxy.pipeline import Pipeline
from tests.fakes import generation

DRIVERS = ["callbacks", "task"]
both_drivers = pytest.mark.parametrize("driver", DRIVERS)
"""Runs a test twice; its argument `driver` is for `pipeline` or `with_driver`."""


@dataclass(frozen=True, slots=True)
class Waits:
    """A middleware whose phases are coroutines that wait."""

    async def before(self, exchange: Exchange) -> None:
        await asyncio.sleep(0)

    async def after(self, exchange: Exchange, response: Response) -> None:
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class AttemptWaits:
    """The same for attempts."""

    async def before(self, attempt: Attempt) -> None:
        await asyncio.sleep(0)


def pipeline(driver: str, file: str = "") -> Pipeline:
    """Return the pipeline of a file, with a middleware that waits outside of all others and one inside of them."""
    built = generation(file).pipeline
    return built.wrap(Waits(), AttemptWaits()) if driver == "task" else built


def with_driver(driver: str, file: str) -> str:
    """Return a routing.yaml with such middlewares in its pipeline, which is on one line."""
    if driver == "callbacks":
        return file
    first, line, rest = file.partition("pipeline: [")
    entries, end, tail = rest.partition("]\n")
    assert line and end
    return f'{first}{line}"tests.drivers:Waits", {entries}, "tests.drivers:AttemptWaits"{end}{tail}'
