"""Without file descriptors or a route, the sidecar reports its own error, counts it against no provider, and recovers."""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from proxy.upstream.http1 import local_errors
from tests.callers import post
from tests.cli.serve_process import ServeProcess
from tests.exhaustion import no_descriptors, resource
from tests.running import HELLO, TWO_PROVIDERS, RunningSidecar

CHAT = {"model": "m", "messages": HELLO}
linux = pytest.mark.skipif(sys.platform != "linux", reason="another process's limits can be set on Linux alone")


async def ask(started: RunningSidecar, http: aiohttp.ClientSession, **members: Any) -> tuple[int, Any, Any]:
    async with http.post(f"{started.url}/v1/chat/completions", json={**CHAT, **members}) as answer:
        return answer.status, answer.headers, await answer.text()


async def statuses(started: RunningSidecar, http: aiohttp.ClientSession) -> set[tuple[str, float | None]]:
    async with http.get(f"{started.url}/v1/providers/health") as answer:
        return {(each["status"], each["uptime_percentage"]) for each in (await answer.json())["providers"]}


@pytest.mark.parametrize("stream", [False, True])
async def test_without_descriptors_requests_get_503_and_no_provider_is_counted_as_failed(
    two_providers: RunningSidecar, http: aiohttp.ClientSession, stream: bool
) -> None:
    assert await statuses(two_providers, http) == {("healthy", None)}  # which also opens the client's own connection
    with no_descriptors():
        answers = [await ask(two_providers, http, stream=stream) for _ in range(20)]
    for status, headers, text in answers:
        error = json.loads(text)["error"]
        assert (status, error["code"], headers["Retry-After"]) == (503, "sidecar_overloaded", "1")
        assert error["message"] == "out of resources: too many open files"
        assert headers["X-Provider-Attempts"] == "1"
    assert two_providers.events == ["sidecar_overloaded"]
    assert two_providers.sandbox.requests("first") == two_providers.sandbox.requests("second") == []
    assert await statuses(two_providers, http) == {("healthy", None)}
    status, headers, _ = await ask(two_providers, http, stream=stream)
    assert (status, headers["X-Provider-Attempts"]) == (200, "1")
    ended = [line for line in two_providers.log.lines if line["event"] == "request_completed" and line["model"]]
    assert ended[0]["outcome"] == "sidecar_overloaded"
    assert [attempt.split(": ")[1] for attempt in ended[0]["attempts"]] == ["sidecar_overloaded"]


async def test_an_idle_connection_is_reused_without_a_descriptor(
    two_providers: RunningSidecar, http: aiohttp.ClientSession
) -> None:
    for _ in range(20):  # to both providers
        assert (await ask(two_providers, http))[0] == 200
    with no_descriptors():
        assert [(await ask(two_providers, http))[0] for _ in range(5)] == [200] * 5


def make_unroutable(started: RunningSidecar, *names: str) -> None:
    """Give these providers an address to which no TCP connection is possible (a multicast group)."""
    generation = started.sidecar.handler.generation
    targets = tuple(
        replace(target, base_url="http://224.0.0.1/v1") if target.provider.name in names else target
        for target in generation.snapshot.models["m"]
    )
    started.sidecar.handler.generation = replace(
        generation, snapshot=replace(generation.snapshot, models={"m": targets})
    )


async def test_without_a_route_the_other_provider_serves_and_none_is_ejected(
    two_providers: RunningSidecar, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_errors, "has_route", lambda address: False)
    make_unroutable(two_providers, "first")
    for _ in range(10):
        _, headers, _ = await ask(two_providers, http, routing={"provider_preference": ["first"]})
        assert (headers["X-Provider"], headers["X-Provider-Attempts"]) == ("second", "2")
    assert two_providers.events == ["egress_failed"]
    assert await statuses(two_providers, http) == {("healthy", None), ("healthy", 100.0)}


async def test_without_a_route_to_any_provider_the_error_is_egress_failed(
    two_providers: RunningSidecar, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_errors, "has_route", lambda address: False)
    make_unroutable(two_providers, "first", "second")
    for _ in range(10):
        status, _, text = await ask(two_providers, http)
        error = json.loads(text)["error"]
        assert (status, error["code"]) == (502, "egress_failed")
        assert "no route to 224.0.0.1: network is unreachable" in error["message"]
        assert [attempt["outcome"] for attempt in error["attempts"]] == ["egress_failed"] * 2
    assert await statuses(two_providers, http) == {("healthy", None)}


async def test_an_unreachable_host_counts_against_the_provider(
    two_providers: RunningSidecar, http: aiohttp.ClientSession
) -> None:
    make_unroutable(two_providers, "first", "second")  # the routing table has a route to it
    for _ in range(10):
        assert json.loads((await ask(two_providers, http))[2])["error"]["code"] == "all_providers_failed"
    assert {status for status, _ in await statuses(two_providers, http)} == {"down"}


# The descriptor limit of a separate process


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "routing.yaml").write_text(TWO_PROVIDERS)
    return str(tmp_path / "routing.yaml")


class Client:
    """A keep-alive connection."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").rpartition(":")
        self.sock = socket.create_connection((host, int(port)), timeout=10)
        self.file = self.sock.makefile("rb")

    def start_chat(self) -> None:
        """Send a chat request, whose response is not read."""
        self.sock.sendall(post(json.dumps(CHAT).encode()))

    def ask(self, path: str = "/v1/models", method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Send a request and return status, headers and body; status 0 if the connection was closed without a response."""
        try:
            self.sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            line, headers = self.file.readline(), {}
            while field := self.file.readline().strip():
                name, _, value = field.decode().partition(": ")
                headers[name.lower()] = value
            return int(line.split()[1]) if line else 0, headers, self.file.read(int(headers.get("content-length", 0)))
        except ConnectionError:
            return 0, {}, b""

    def close(self) -> None:
        self.file.close()
        self.sock.close()


@linux
def test_the_soft_limit_is_raised_and_further_clients_get_a_503(path: str) -> None:
    with ServeProcess(path, "--sandbox", limit=(100, 200)) as served:
        soft, _ = resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE)
        assert soft == 200
        clients = [Client(served.url) for _ in range(68)]  # (200 - 64) / 2
        assert [client.ask()[0] for client in clients] == [200] * 68
        for _ in range(20):
            further = Client(served.url)
            status, headers, body = further.ask()
            further.close()
            assert (status, headers["connection"], headers["retry-after"]) == (503, "close", "1")
            error = json.loads(body)["error"]
            assert (error["code"], error["message"]) == (
                "sidecar_overloaded", "the sidecar is overloaded: 68 connections are open; try again",
            )  # fmt: skip
        line = served.next_log_line()
        while line["event"] == "request_completed":
            line = served.next_log_line()
        assert (line["event"], line["level"], line["status"]) == ("request_refused", "warning", 503)
        assert (line["code"], line["suppressed"]) == ("sidecar_overloaded", 0)
        assert [client.ask()[0] for client in clients] == [200] * 68
        admin = Client(served.admin)
        assert admin.ask("/readyz")[0] == 200
        for client in (*clients, admin):
            client.close()
        again = Client(served.url)
        while again.ask()[0] == 503:  # until the server has noticed that they are closed
            again.close()
            again = Client(served.url)
        assert again.ask()[0] == 200
        again.close()


@linux
def test_the_admin_listener_and_a_reload_work_while_connections_take_all_they_may(path: str) -> None:
    silent = socket.create_server(("127.0.0.1", 0), backlog=200)  # the system connects what it does not accept
    text = TWO_PROVIDERS.replace("127.0.0.1:1/", f"127.0.0.1:{silent.getsockname()[1]}/")
    Path(path).write_text(text)
    with silent, ServeProcess(path, "--host", "127.0.0.1", limit=(200, 200)) as served, ExitStack() as stack:

        def connect(url: str) -> Client:
            client = Client(url)
            stack.callback(client.close)
            return client

        for _ in range(68):  # (200 - 64) / 2
            connect(served.url).start_chat()
        while len(os.listdir(f"/proc/{served.process.pid}/fd")) < 200 - 64:  # with their connections to providers
            pass
        for _ in range(100):
            connect(served.url)  # gets a 503
            connect(served.admin)  # idle connections must keep no probe out
        admin = connect(served.admin)
        assert [admin.ask(path)[0] for path in ("/readyz", "/metrics")] == [200, 200]
        Path(path).write_text(text.replace("weight: 1}", "weight: 2}"))
        status, _, body = admin.ask("/admin/reload", "POST")
        assert (status, json.loads(body)["changes"]) == (
            200, ["providers.first.weight: 1 -> 2", "providers.second.weight: 1 -> 2"],
        )  # fmt: skip


@linux
def test_accepting_continues_after_descriptors_were_exhausted(path: str) -> None:
    with ServeProcess(path, "--sandbox") as served:
        idle = Client(served.url)
        assert idle.ask()[0] == 200
        pid = served.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        highest = max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, hard))
        further = [Client(served.url) for _ in range(50)]
        assert 0 in [client.ask()[0] for client in further]  # closed at once
        assert idle.ask()[0] == 200
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        again = Client(served.url)
        assert again.ask()[0] == 200
        for client in (*further, idle, again):
            client.close()
