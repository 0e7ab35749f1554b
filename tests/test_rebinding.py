"""DNS rebinding and cross-origin requests are refused by listeners without a key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest

from proxy.config.process_schema import Admin
from proxy.config.units import Secret
from proxy.sidecar import Sidecar, start
from tests.running import TWO_PROVIDERS, CapturedLog, RunningSidecar, build_generation, run_sidecar, startup_options

WITHOUT_AUTH = TWO_PROVIDERS.replace("auth, ", "")
BARE = WITHOUT_AUTH.replace("access_log, ", "")
CUSTOM = WITHOUT_AUTH.replace("[access_log", '[{"tests.running:LogMarker": {name: own}}, access_log')
EVIL = {"Host": "evil.test:8090"}
PAGE = {"Origin": "https://evil.test"}
SAME_PAGE = {"Host": "evil.test:8090", "Origin": "http://evil.test:8090"}
WEBSOCKET = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
EVENTS = {"Accept": "text/event-stream"}
STREAM = "/v1/providers/health/stream"
PATHS = [
    ("GET", "/v1/models", {}),
    ("POST", "/v1/chat/completions", {}),
    ("GET", "/v1/providers/health", {}),
    ("GET", STREAM, WEBSOCKET),
    ("GET", STREAM, EVENTS),
    ("GET", "/dashboard", {}),
    ("GET", "/nothing", {}),
]


async def status(url: str, method: str, path: str, headers: dict[str, str]) -> int:
    """Return the status of a response and close the connection after its head."""
    reader, writer = await asyncio.open_connection(*url.removeprefix("http://").rsplit(":", 1))
    fields = {"Host": "localhost", "Content-Length": "0", **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()
    return int(head.split()[1])


@pytest.fixture(params=[TWO_PROVIDERS, WITHOUT_AUTH, BARE, CUSTOM], ids=["auth", "no auth", "bare", "custom first"])
async def keyless(request: pytest.FixtureRequest) -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(request.param) as started:
        yield started


@pytest.mark.parametrize("headers", [EVIL, PAGE, SAME_PAGE], ids=["host", "page", "rebound page"])
async def test_without_keys_other_hosts_and_origins_are_refused(
    keyless: RunningSidecar, headers: dict[str, str]
) -> None:
    found = {
        (path, *more): await status(keyless.url, method, path, {**more, **headers}) for method, path, more in PATHS
    }
    assert found == dict.fromkeys(found, 403)
    assert keyless.sandbox.requests("first") == keyless.sandbox.requests("second") == []
    assert "marked" not in keyless.events  # not even a custom middleware has received them


@pytest.mark.parametrize("host", ["localhost:8090", "127.0.0.1", "[::1]:8090", "10.0.0.7:8090"])
async def test_localhost_and_ip_addresses_are_accepted_hosts(keyless: RunningSidecar, host: str) -> None:
    found = [await status(keyless.url, method, path, {**more, "Host": host}) for method, path, more in PATHS]
    assert found == [200, 400, 200, 101, 200, 200, 404]


async def test_a_refused_request_is_logged() -> None:
    async with run_sidecar(WITHOUT_AUTH) as started:
        await status(started.url, "GET", "/v1/models", EVIL)
        assert [(line["outcome"], line["status"]) for line in started.log.lines] == [("forbidden", 403)]


async def test_with_keys_any_host_is_accepted_but_no_other_origin() -> None:
    async with run_sidecar(TWO_PROVIDERS.replace("auth,", "{auth: {keys: [{name: app, value: secret}]}},")) as started:
        key = {"x-api-key": "secret"}
        assert await status(started.url, "GET", "/v1/models", {**EVIL, **key}) == 200
        assert await status(started.url, "GET", "/v1/models", {**PAGE, **key}) == 403
        assert await status(started.url, "GET", STREAM, {**PAGE, **WEBSOCKET}) == 403


# The admin listener


PROBES = ["/healthz", "/readyz", "/metrics"]
REST = [("GET", "/admin/config"), ("POST", "/admin/reload"), ("POST", "/admin/drain"), ("GET", "/nothing")]


@asynccontextmanager
async def running_sidecar(key: Secret | None) -> AsyncIterator[Sidecar]:
    sidecar = await start(
        replace(startup_options(build_generation(TWO_PROVIDERS), CapturedLog()), admin=Admin(port=0, key=key))
    )
    sidecar.config_task.cancel()
    yield sidecar
    await sidecar.stop()


@pytest.fixture(params=[None, Secret("s3cret")], ids=["no key", "key"])
async def sidecar(request: pytest.FixtureRequest) -> AsyncIterator[Sidecar]:
    async with running_sidecar(request.param) as started:
        yield started


@pytest.mark.parametrize("headers", [{}, EVIL, PAGE, SAME_PAGE, {"Host": "parrot.monitoring.svc"}])
async def test_probes_and_metrics_are_open_to_any_host(sidecar: Sidecar, headers: dict[str, str]) -> None:
    assert [await status(sidecar.admin_url, "GET", path, headers) for path in PROBES] == [200, 200, 200]


@pytest.mark.parametrize(("headers", "shown"), [({}, True), (EVIL, False), (PAGE, False), (SAME_PAGE, False)])
async def test_readiness_hides_problems_from_other_hosts_and_origins(
    two_providers: RunningSidecar, http: aiohttp.ClientSession, headers: dict[str, str], shown: bool
) -> None:
    await two_providers.edit("weight: 1}", "weight: heavy}")
    async with http.get(f"{two_providers.sidecar.admin_url}/readyz", headers=headers) as response:
        body = await response.json()
    assert (response.status, body["last_reload_successful"], "problems" in body) == (200, False, shown)


@pytest.mark.parametrize("headers", [EVIL, PAGE, SAME_PAGE], ids=["host", "page", "rebound page"])
async def test_other_admin_endpoints_refuse_other_hosts_and_origins(sidecar: Sidecar, headers: dict[str, str]) -> None:
    assert [await status(sidecar.admin_url, method, path, headers) for method, path in REST] == [403] * 4
    assert not sidecar.handler.draining


@pytest.mark.parametrize("host", ["localhost:9464", "127.0.0.1", "10.0.0.7:9464", "[::1]"])
async def test_the_admin_listener_accepts_localhost_and_ip_addresses(sidecar: Sidecar, host: str) -> None:
    assert await status(sidecar.admin_url, "GET", "/admin/config", {"Host": host}) == 200


@pytest.mark.parametrize(
    ("key", "sent", "expected"), [("s3cret", "s3cret", 200), ("s3cret", "wrong", 403), (None, "s3cret", 403)]
)
async def test_the_admin_key_is_sufficient_for_any_host(key: str | None, sent: str, expected: int) -> None:
    async with running_sidecar(Secret(key) if key else None) as sidecar:
        headers = {**EVIL, "Authorization": f"Bearer {sent}"}
        assert await status(sidecar.admin_url, "GET", "/admin/config", headers) == expected
