"""A provider with several keys, over real sockets: a limited or refused key is replaced by the next one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from proxy.generation import Generation
from proxy.sidecar import Sidecar, start
from tests.faults.server import FaultServer, RecordedRequest
from tests.running import HELLO, CapturedLog, build_generation, startup_options
from tests.test_changed_accounts import FAILED, LIMITED, REJECTED, answering

FIRST, SECOND, NEW = "canary-of-the-first-key", "canary-of-the-second-key", "canary-of-a-new-key"
FILE = """
pipeline: [access_log, header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  pooled: {{dialect: openai, base_url: "{url}", api_key: {keys}{more}}}
models:
  m: {{pooled: m-one}}
"""


@dataclass
class Pooled:
    """A sidecar whose provider has several keys, and the provider."""

    sidecar: Sidecar
    http: aiohttp.ClientSession
    server: FaultServer
    path: Path
    log: CapturedLog

    @property
    def used(self) -> list[str]:
        """The keys of the requests so far, in order."""
        return [key_of(request) for request in self.server.requests]

    async def ask(self, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
        body = {"model": "m", "messages": HELLO}
        async with self.http.post(f"{self.sidecar.url}/v1/chat/completions", json=body, headers=headers) as got:
            return got.status, await got.json()

    async def keys(self) -> list[dict[str, Any]]:
        async with self.http.get(f"{self.sidecar.url}/v1/providers/health") as got:
            return (await got.json())["providers"][0]["keys"]

    async def reload(self, keys: str, more: str = "") -> None:
        self.path.write_text(FILE.format(url=self.server.url("/v1"), keys=keys, more=more))
        outcome = await self.sidecar.reloader.reload()
        assert outcome.is_successful, outcome


def key_of(request: RecordedRequest) -> str:
    return request.headers["authorization"].removeprefix("Bearer ")


@asynccontextmanager
async def pooled(
    folder: Path, refusals: Mapping[str, bytes], keys: str = f"[{FIRST}, {SECOND}]", more: str = ""
) -> AsyncIterator[Pooled]:
    log = CapturedLog()

    def build(text: str, number: int) -> Generation:
        return build_generation(text, number=number)

    async with FaultServer(answering(refusals)) as server, aiohttp.ClientSession() as http:
        path = folder / "routing.yaml"
        path.write_text(FILE.format(url=server.url("/v1"), keys=keys, more=more))
        sidecar = await start(startup_options(build(path.read_text(), 1), log, str(path), build))
        sidecar.config_task.cancel()
        try:
            yield Pooled(sidecar, http, server, path, log)
        finally:
            await sidecar.stop()
    assert "canary" not in repr(log.lines)


async def test_keys_take_turns(tmp_path: Path) -> None:
    async with pooled(tmp_path, {}) as one:
        assert [(await one.ask())[0] for _ in range(4)] == [200] * 4
        assert one.used == [FIRST, SECOND] * 2


async def test_while_the_first_key_is_limited_the_second_serves(tmp_path: Path) -> None:
    async with pooled(tmp_path, {FIRST: LIMITED}) as one:
        status, body = await one.ask({"X-Route-Explain": "true"})
        attempts = body["routing"]["attempts"]
        assert status == 200 and [(each["outcome"], each["key"]) for each in attempts] == [
            ("rate_limit", "key 1"), ("ok", "key 2")]  # fmt: skip
        assert [(await one.ask())[0] for _ in range(3)] == [200] * 3
        assert one.used == [FIRST, SECOND, SECOND, SECOND, SECOND]
        first, second = await one.keys()
        assert (first["status"], second) == ("cooling down", {"name": "key 2", "status": "available"})
        (line,) = [line for line in one.log.lines if line["event"] == "provider_key_cooling_down"]
        assert (line["provider"], line["key"], line["reason"]) == ("pooled", "key 1", "rate_limit")


async def test_a_refused_key_is_replaced_by_the_next_one(tmp_path: Path) -> None:
    keys = f"[{{value: {FIRST}, name: old}}, {{value: {SECOND}, account: team}}]"
    async with pooled(tmp_path, {FIRST: REJECTED}, keys) as one:
        assert [(await one.ask())[0] for _ in range(3)] == [200] * 3
        assert one.used == [FIRST, SECOND, SECOND, SECOND]
        async with one.http.get(f"{one.sidecar.url}/v1/providers/health") as got:
            row = (await got.json())["providers"][0]
        assert (row["status"], row["uptime_percentage"], row["keys"][0]["name"]) == ("healthy", 100, "old")


async def test_where_one_attempt_is_requested_the_other_key_is_not_tried(tmp_path: Path) -> None:
    async with pooled(tmp_path, {FIRST: LIMITED}) as one:
        status, body = await one.ask({"X-Retry-On-Provider-Error": "false"})
        assert status == 429 and one.used == [FIRST] and "canary" not in str(body)


async def test_if_every_key_is_refused_the_error_names_them_by_their_position(tmp_path: Path) -> None:
    async with pooled(tmp_path, {FIRST: REJECTED, SECOND: REJECTED}) as one:
        status, body = await one.ask()
        assert status == 502 and [each["key"] for each in body["error"]["attempts"]] == ["key 1", "key 2"]
        assert "canary" not in str(body)


async def test_a_server_error_counts_against_the_target_and_not_the_key(tmp_path: Path) -> None:
    async with pooled(tmp_path, {FIRST: FAILED}) as one:
        assert (await one.ask())[0] == 200  # the retry of the same target takes the next key in turn
        assert [each["status"] for each in await one.keys()] == ["available", "available"]


@pytest.mark.parametrize(("account", "served"), [("", [200] * 2 + [429]), ("team", [200, 429, 429])])
async def test_limits_hold_for_each_account(tmp_path: Path, account: str, served: list[int]) -> None:
    named = f"account: {account}, " if account else ""
    keys = f"[{{{named}value: {FIRST}}}, {{{named}value: {SECOND}}}]"
    async with pooled(tmp_path, {}, keys, ", limits: {requests_per_minute: 1}") as one:
        assert [(await one.ask())[0] for _ in range(3)] == served


async def test_over_a_reload_the_keys_that_stay_keep_their_record(tmp_path: Path) -> None:
    async with pooled(tmp_path, {FIRST: LIMITED}) as one:
        await one.ask()
        await one.reload(f"[{NEW}, {FIRST}, {SECOND}]")
        for _ in range(4):
            assert (await one.ask())[0] == 200
        assert one.used[2:] == [NEW, SECOND, NEW, SECOND]


async def test_missing_keys_are_skipped_and_shown(tmp_path: Path) -> None:
    async with pooled(tmp_path, {}, f"['${{UNSET}}', {SECOND}]") as one:
        assert [(await one.ask())[0] for _ in range(2)] == [200] * 2 and one.used == [SECOND] * 2
        missing = {"name": "key 1", "status": "missing", "reason": "UNSET is not set"}
        assert await one.keys() == [{"name": "key 2", "status": "available"}, missing]
        (line,) = [line for line in one.log.lines if line["event"] == "provider_key_skipped"]
        assert (line["provider"], line["key"], line["reason"]) == ("pooled", "key 1", "UNSET is not set")
