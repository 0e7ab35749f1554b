"""A failing provider is visible in health API, health stream and metrics within two seconds, with the reason."""

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
MAX_DELAY_S = 2.0
"""Maximum delay in loop time until a failure is visible."""


@dataclass
class Observer:
    """Sends five requests per second and records when each effect was first visible."""

    started: RunningSidecar
    http: aiohttp.ClientSession
    seen: dict[str, float] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    requests: set[asyncio.Task[None]] = field(default_factory=set)

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
            self.requests.add(task)
            task.add_done_callback(self.requests.discard)
            await asyncio.sleep(0.2)

    async def follow(self) -> None:
        """Follow the health stream, as the dashboard does."""
        async with self.http.ws_connect(f"{self.started.url}/v1/providers/health/stream") as stream:
            async for message in stream:
                update = message.json()
                self.note("page", update.get("status") == "down" and update["reason"] == REASON)

    async def breaker(self) -> None:
        """Record when the breaker opens."""
        runtime = self.started.sidecar.handler.runtime
        while True:
            self.note("tripped", runtime.resilience.breakers.availability(TARGET, runtime.clock()).ejected_for_s > 0)
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
                result = samples(await answer.text())
            self.note("metrics: status", result.get(("parrot_provider_status", "first", "down")) == 1)
            self.note("metrics: ejected", result.get(("parrot_targets_ejected", "m-one", "first", "global")) == 1)
            self.note("metrics: ejections", result.get(("parrot_ejections_total", "m-one", "first", "global")) == 1)
            failed = result.get(("parrot_attempts_failed_total", "m-one", "first", "global", trigger), 0)
            self.note("metrics: reason", failed >= 5)
            await asyncio.sleep(0.25)


async def run_inline(work: Callable[..., Any], *values: Any) -> Any:
    """Replace `asyncio.to_thread`: virtual time would advance while a thread works."""
    return work(*values)


def samples(text: str) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(text)
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


@asynccontextmanager
async def observer(trigger: str) -> AsyncIterator[Observer]:
    with virtual_clocks(), patch("proxy.control.metrics.asyncio.to_thread", run_inline):
        async with run_sidecar() as started, aiohttp.ClientSession() as http:
            observing = Observer(started, http)
            watchers: list[Callable[[], Any]] = [
                observing.traffic,
                observing.follow,
                observing.breaker,
                observing.health,
            ]
            tasks = [asyncio.create_task(watcher()) for watcher in watchers]
            tasks.append(asyncio.create_task(observing.metrics(trigger)))
            try:
                yield observing
            finally:
                for task in (*tasks, *observing.requests):
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
async def test_a_failing_provider_is_visible_within_two_seconds(fault: Fault, trigger: str) -> None:
    async with observer(trigger) as observing:
        await asyncio.sleep(2)
        assert not observing.seen and set(observing.statuses) == {200}
        await observing.started.sandbox.set_fault("first", fault)
        await asyncio.sleep(5)
        tripped = observing.seen.pop("tripped")
        late = {
            effect: round(when - tripped, 2) for effect, when in observing.seen.items() if when - tripped > MAX_DELAY_S
        }
        assert late == {}
        assert observing.seen.keys() >= {
            "page", "health", "metrics: status", "metrics: ejected", "metrics: ejections", "metrics: reason",
        }  # fmt: skip
        assert set(observing.statuses) == {200}
