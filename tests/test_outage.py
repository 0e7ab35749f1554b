"""During an outage, an idle time and the recovery, every interface reports the same provider health."""

from __future__ import annotations

import asyncio
import json
import re
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.cli import top
from proxy.sandbox.scenario import Fault
from tests.running import HELLO, TWO_PROVIDERS, RunningSidecar, run_sidecar
from tests.virtual_time import virtual_clocks, virtual_time

TARGET = "first@global/m-one"
STREAM = "/v1/providers/health/stream"
BODY = {"model": "m", "messages": HELLO}


async def at_once(work: Any, *values: Any) -> Any:
    """Run in the loop instead of a thread, as virtual time would advance meanwhile."""
    return work(*values)


@dataclass
class Surfaces:
    """Everything that reports the health of the first provider."""

    started: RunningSidecar
    http: aiohttp.ClientSession
    capsys: pytest.CaptureFixture[str]
    streams: dict[str, list[str]] = field(default_factory=lambda: {"websocket": [], "events": []})
    """Each status that the streams sent, the first one from the snapshot."""

    async def websocket(self) -> None:
        async with self.http.ws_connect(self.started.url + STREAM) as socket:
            async for message in socket:
                self._note("websocket", message.json())

    async def events(self) -> None:
        headers = {"Accept": "text/event-stream"}
        forever = aiohttp.ClientTimeout()
        async with self.http.get(self.started.url + STREAM, headers=headers, timeout=forever) as answer:
            async for line in answer.content:
                if line.startswith(b"data: "):
                    self._note("events", json.loads(line[6:]))

    def _note(self, stream: str, message: dict[str, Any]) -> None:
        rows = message.get("providers") or [{"name": message["provider"], "status": message["status"]}]
        self.streams[stream] += [row["status"] for row in rows if row["name"] == "first"]

    async def send_requests(self, times: int = 1, every: float = 1.0) -> None:
        for _ in range(times):
            headers = {"X-Provider-Preference": "first"}
            url = f"{self.started.url}/v1/chat/completions"
            async with self.http.post(url, json=BODY, headers=headers) as answer:
                await answer.read()
            await asyncio.sleep(every)

    async def status(self) -> str:
        """Return the status, which must be the same everywhere."""
        await asyncio.sleep(1.5)  # the health watcher polls once a second
        runtime = self.started.sidecar.handler.runtime
        degraded = runtime.routing.signals.table_at(runtime.clock()).get(TARGET).degraded
        found = {
            "endpoint": await self._endpoint(),
            "models": (await self._row())["models"][0]["status"],
            "regions": (await self._row())["regions"][0]["status"],
            "metrics": await self._metrics(),
            "top": await self._top(),
            **{name: statuses[-1] for name, statuses in self.streams.items()},
        }
        status = found["endpoint"]
        assert found == dict.fromkeys(found, status)
        assert degraded is (status != "healthy")
        return str(status)

    async def _endpoint(self) -> str:
        return str((await self._row())["status"])

    async def _row(self) -> dict[str, Any]:
        async with self.http.get(f"{self.started.url}/v1/providers/health") as answer:
            return next(row for row in (await answer.json())["providers"] if row["name"] == "first")

    async def _metrics(self) -> str:
        async with self.http.get(f"{self.started.sidecar.admin_url}/metrics") as answer:
            families = {each.name: each for each in text_string_to_metric_families(await answer.text())}
        samples = families["parrot_provider_status"].samples
        (status,) = (each.labels["status"] for each in samples if each.value and each.labels["provider"] == "first")
        return status

    async def _top(self) -> str:
        self.capsys.readouterr()
        assert await top._top(Namespace(url=self.started.url, key=None, once=True), asyncio.Event()) == 0
        found = re.search(r"^first +\S (\w+)", self.capsys.readouterr().out, re.MULTILINE)
        assert found is not None
        return found[1]


@asynccontextmanager
async def surfaces(capsys: pytest.CaptureFixture[str], text: str = TWO_PROVIDERS) -> AsyncIterator[Surfaces]:
    with virtual_clocks(), patch("proxy.control.metrics.asyncio.to_thread", at_once):
        async with run_sidecar(text) as started, aiohttp.ClientSession() as http:
            seen = Surfaces(started, http, capsys)
            tasks = [asyncio.create_task(seen.websocket()), asyncio.create_task(seen.events())]
            try:
                yield seen
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(
    "text",
    [TWO_PROVIDERS, TWO_PROVIDERS.replace("failover,", "{failover: {circuit_breaker: {enabled: false}}},")],
    ids=["breaker", "no breaker"],
)
@virtual_time
async def test_a_failing_provider_is_down_everywhere_until_it_recovers(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with surfaces(capsys, text) as seen:
        await seen.send_requests()
        assert await seen.status() == "healthy"
        await seen.started.sandbox.set_fault("first", Fault("status", status=503))
        await seen.send_requests(28)
        assert await seen.status() == "down"
        await asyncio.sleep(400)
        assert await seen.status() == "down"
        await seen.started.sandbox.set_fault("first", None)
        await seen.send_requests()
        assert await seen.status() == "down"  # a better status is reported once it has held for five seconds
        await asyncio.sleep(4)
        assert await seen.status() == "degraded"
        await seen.send_requests(3)
        await asyncio.sleep(6)
        assert await seen.status() == "degraded"
        await seen.send_requests()
        await asyncio.sleep(6)
        assert await seen.status() == "healthy"
        assert seen.streams["websocket"] == seen.streams["events"] == ["healthy", "down", "degraded", "healthy"]
