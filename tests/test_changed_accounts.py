"""After a reload with another key or address a target starts with a clean record, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson
import pytest

from proxy.generation import Generation
from proxy.sidecar import Sidecar, start
from tests.faults.server import RECV, FaultServer, Op, RecordedRequest, http_response, reply
from tests.running import HELLO, CapturedLog, build_generation, no_sleep, startup_options

OLD, NEW = "canary-of-the-old-key", "canary-of-the-new-key"
FILE = """
pipeline: [access_log, header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  first: {{dialect: openai, base_url: "{url}", api_key: "{key}", weight: 1, limits: {{requests_per_minute: 100}}}}
  second: {{dialect: openai, base_url: "{second}", api_key: other}}
models:
  m: {{first: m-one, second: m-two}}
"""
ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}


def answering(refusals: Mapping[str, bytes]) -> list[Op]:
    """Return a script for many requests of one connection: refused by their key, or answered."""

    def build(request: RecordedRequest) -> bytes:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        return refusals.get(key) or http_response(orjson.dumps(ANSWER))

    return [RECV, reply(build)] * 40


LIMITED = http_response(b'{"error":{"message":"slow down"}}', status="429 X", headers="Retry-After: 250\r\n")
REJECTED = http_response(b'{"error":{"message":"no such key"}}', status="401 X")
FAILED = http_response(b'{"error":{"message":"broken"}}', status="500 X")


@dataclass
class Reloadable:
    """A sidecar whose file a test can change."""

    sidecar: Sidecar
    http: aiohttp.ClientSession
    path: Path
    log: CapturedLog
    urls: Mapping[str, str]

    def text(self, key: str = OLD, url: str = "", more: str = "") -> str:
        return FILE.format(url=url or self.urls["first"], key=key, second=self.urls["second"]) + more

    async def reload(self, **changes: str) -> None:
        self.path.write_text(self.text(**changes))
        outcome = await self.sidecar.reloader.reload()
        assert outcome.is_successful, outcome

    async def ask(self, count: int = 1, **members: object) -> list[str]:
        """Send chats that prefer the first provider; return who answered."""
        served = []
        for _ in range(count):
            body = {"model": "m", "messages": HELLO, **members}
            preferred = {"X-Provider-Preference": "first,second"}
            async with self.http.post(f"{self.sidecar.url}/v1/chat/completions", json=body, headers=preferred) as got:
                assert got.status == 200, await got.text()
                served.append(got.headers["X-Provider"])
        return served

    async def health(self) -> tuple[str, float | None]:
        """Return status and uptime of the first provider."""
        async with self.http.get(f"{self.sidecar.url}/v1/providers/health") as got:
            row = (await got.json())["providers"][0]
            return row["status"], row["uptime_percentage"]

    async def metrics(self) -> str:
        async with self.http.get(f"{self.sidecar.admin_url}/metrics") as got:
            return await got.text()


def failures(metrics: str) -> int:
    """Return how many failed attempts of the first provider the metrics count."""
    lines = [
        line for line in metrics.splitlines() if line.startswith("parrot_attempts_failed_total{") and '"first"' in line
    ]
    return sum(int(float(line.rpartition(" ")[2])) for line in lines)


@asynccontextmanager
async def reloadable(folder: Path, refusals: Mapping[str, bytes], key: str = OLD) -> AsyncIterator[Reloadable]:
    log = CapturedLog()

    def build(text: str, number: int) -> Generation:
        return build_generation(text, number=number)

    async with (
        FaultServer(answering(refusals)) as first,
        FaultServer(answering({})) as second,
        aiohttp.ClientSession() as http,
    ):
        urls = {"first": first.url("/v1"), "second": second.url("/v1")}
        one = Reloadable(None, http, folder / "routing.yaml", log, urls)  # type: ignore[arg-type]
        one.path.write_text(one.text(key))
        one.sidecar = await start(startup_options(build(one.path.read_text(), 1), log, str(one.path), build))
        one.sidecar.config_task.cancel()
        try:
            yield one
        finally:
            await one.sidecar.stop()


@pytest.mark.parametrize(
    ("refusal", "requests", "status"),
    [(LIMITED, 1, "degraded"), (REJECTED, 3, "degraded"), (FAILED, 5, "down")],
    ids=["cooldown", "rejected key", "open breaker"],
)
async def test_a_new_key_is_tried_at_once_and_an_unchanged_one_stays_where_it_was(
    tmp_path: Path, refusal: bytes, requests: int, status: str
) -> None:
    async with reloadable(tmp_path, {OLD: refusal}) as one:
        assert await one.ask(requests) == ["second"] * requests
        before = await one.metrics()
        assert (await one.health())[0] == status
        await one.reload(more="defaults: {region: eu-central-1}\n")
        sent = failures(before)
        assert await one.ask() == ["second"] and failures(await one.metrics()) == sent > 0
        await one.reload(key=NEW)
        assert await one.health() == ("healthy", None)
        assert await one.ask(3) == ["first"] * 3
        assert await one.health() == ("healthy", 100)
        after = await one.metrics()
        assert failures(after) == sent  # counters never fall
        assert OLD not in after and NEW not in after and "canary" not in repr(one.sidecar.handler.runtime)


async def test_a_new_address_is_tried_at_once(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {OLD: FAILED}) as one, FaultServer(answering({})) as moved:
        assert await one.ask(6) == ["second"] * 6
        await one.reload(url=moved.url("/v1"))
        assert await one.ask(2) == ["first"] * 2
        assert await one.health() == ("healthy", 100)


async def test_a_key_file_that_is_read_again_has_a_clean_record(tmp_path: Path) -> None:
    keys = tmp_path / "key"
    keys.write_text(OLD)
    async with reloadable(tmp_path, {OLD: LIMITED}, key=f"${{file:{keys}}}") as one:
        assert await one.ask(2) == ["second"] * 2
        keys.write_text(f"{NEW} ")
        await one.sidecar.reloader.poll(no_sleep)
        assert await one.ask(2) == ["first"] * 2
        assert [line["event"] for line in one.log.lines if "config" in line["event"]] == ["config_reloaded"]
        assert "canary" not in repr(one.log.lines)


def refusing_max_tokens(request: RecordedRequest) -> bytes:
    """Answer as a host that refuses `max_tokens`."""
    if b'"max_tokens"' in request.body:
        return http_response(b'{"error":{"message":"Unrecognized argument: max_tokens"}}', status="400 X")
    return http_response(orjson.dumps(ANSWER))


async def test_a_new_key_is_sent_what_the_old_one_has_refused(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {}) as one, FaultServer([RECV, reply(refusing_max_tokens)] * 40) as host:
        await one.reload(url=host.url("/v1"))
        assert await one.ask(2, max_tokens=5) == ["first"] * 2
        assert [b'"max_tokens"' in request.body for request in host.requests] == [True, False, False]
        await one.reload(url=host.url("/v1"), key=NEW)
        assert await one.ask(2, max_tokens=5) == ["first"] * 2
        assert [b'"max_tokens"' in request.body for request in host.requests[3:]] == [True, False, False]


async def test_a_request_of_the_old_file_goes_on_without_what_its_target_has_refused(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {}) as one, FaultServer([RECV, reply(refusing_max_tokens)] * 40) as host:
        await one.reload(url=host.url("/v1"))
        old = one.sidecar.handler.generation
        await one.reload(url=host.url("/v1"), key=NEW)
        one.sidecar.handler.generation = old  # as for a request that began before the reload
        assert await one.ask(max_tokens=5) == ["first"]
        assert [b'"max_tokens"' in request.body for request in host.requests] == [True, False]
        assert not one.sidecar.handler.runtime.resilience.refused_params.current


async def test_what_requests_of_the_old_file_do_at_the_old_key_does_not_reach_the_new_one(tmp_path: Path) -> None:
    async with reloadable(tmp_path, {OLD: REJECTED}) as one:
        old = one.sidecar.handler.generation
        await one.reload(key=NEW)
        new = one.sidecar.handler.generation
        one.sidecar.handler.generation = old  # as for a request that began before the reload
        assert await one.ask(5) == ["second"] * 5
        one.sidecar.handler.generation = new
        assert await one.health() == ("healthy", None)
        assert failures(await one.metrics()) == 5
        assert await one.ask(2) == ["first"] * 2
