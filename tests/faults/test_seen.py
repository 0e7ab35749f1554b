"""A provider that begins to fail is seen everywhere within two seconds, with the reason, at five requests a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.sandbox.scenario import Fault
from tests.running import HELLO, RunningSidecar, run_sidecar
from tests.virtual_time import virtual_clocks, virtual_time

TARGET = "first@global/m-one"
BODY = {"model": "m", "messages": HELLO}
PREFER = {"X-Provider-Preference": "first"}
REASON = "ejected, and no success since"
SOON = 2.0
"""Seconds of the loop's time in which what has happened must show."""


@dataclass
class Onlooker:
    """Asks five times a second, and notes when each thing was first seen."""

    started: RunningSidecar
    http: aiohttp.ClientSession
    seen: dict[str, float] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    asking: set[asyncio.Task[None]] = field(default_factory=set)

    def note(self, what: str, found: bool) -> None:
        if found:
            self.seen.setdefault(what, asyncio.get_running_loop().time())

    async def ask(self) -> None:
        url = f"{self.started.url}/v1/chat/completions"
        async with self.http.post(url, json=BODY, headers=PREFER) as answer:
            await answer.read()
            self.statuses.append(answer.status)

    async def traffic(self) -> None:
        while True:
            task = asyncio.create_task(self.ask())
            self.asking.add(task)
            task.add_done_callback(self.asking.discard)
            await asyncio.sleep(0.2)

    async def follow(self) -> None:
        """As the page does."""
        async with self.http.ws_connect(f"{self.started.url}/v1/providers/health/stream") as stream:
            async for message in stream:
                said = message.json()
                self.note("page", said.get("status") == "down" and said["reason"] == REASON)

    async def breaker(self) -> None:
        """When it really happens."""
        runtime = self.started.sidecar.handler.runtime
        while True:
            self.note("tripped", runtime.breakers.availability(TARGET, runtime.clock()).ejected_for_s > 0)
            await asyncio.sleep(0.05)

    async def health(self) -> None:
        while True:
            async with self.http.get(f"{self.started.url}/v1/providers/health") as answer:
                row = (await answer.json())["providers"][0]
            self.note("health", (row["status"], row["reason"]) == ("down", REASON))
            await asyncio.sleep(0.25)

    async def metrics(self, trigger: str) -> None:
        while True:
            async with self.http.get(f"{self.started.sidecar.admin_url}/metrics") as answer:
                told = samples(await answer.text())
            self.note("metrics: status", told.get(("parrot_provider_status", "first", "down")) == 1)
            self.note("metrics: ejected", told.get(("parrot_targets_ejected", "m-one", "first", "global")) == 1)
            self.note("metrics: ejections", told.get(("parrot_ejections_total", "m-one", "first", "global")) == 1)
            failed = told.get(("parrot_attempts_failed_total", "m-one", "first", "global", trigger), 0)
            self.note("metrics: reason", failed >= 5)
            await asyncio.sleep(0.25)


async def at_once(work: Callable[..., Any], *values: Any) -> Any:
    """The loop's time would leap while a thread works."""
    return work(*values)


def samples(text: str) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(text)
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


@asynccontextmanager
async def onlooker(trigger: str) -> AsyncIterator[Onlooker]:
    with virtual_clocks(), patch("proxy.control.metrics.asyncio.to_thread", at_once):
        async with run_sidecar() as started, aiohttp.ClientSession() as http:
            looking = Onlooker(started, http)
            ways: list[Callable[[], Any]] = [looking.traffic, looking.follow, looking.breaker, looking.health]
            tasks = [asyncio.create_task(way()) for way in ways]
            tasks.append(asyncio.create_task(looking.metrics(trigger)))
            try:
                yield looking
            finally:
                for task in (*tasks, *looking.asking):
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended


@pytest.mark.parametrize(
    ("fault", "trigger"),
    [
        (Fault("status", status=503), "model_overloaded"),
        (Fault("down"), "connection_error"),
    ],
)
@virtual_time
async def test_a_provider_that_begins_to_fail_shows_everywhere_within_two_seconds(fault: Fault, trigger: str) -> None:
    async with onlooker(trigger) as looking:
        await asyncio.sleep(2)
        assert not looking.seen and set(looking.statuses) == {200}
        await looking.started.sandbox.set_fault("first", fault)
        await asyncio.sleep(5)
        tripped = looking.seen.pop("tripped")
        late = {what: round(when - tripped, 2) for what, when in looking.seen.items() if when - tripped > SOON}
        assert late == {}
        assert looking.seen.keys() >= {
            "page", "health", "metrics: status", "metrics: ejected", "metrics: ejections", "metrics: reason",
        }  # fmt: skip
        assert set(looking.statuses) == {200}
