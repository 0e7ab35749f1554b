"""The admin listener: probes for any caller; reload and drain for loopback or with the key."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from multidict import CIMultiDict

from proxy.config.units import Secret
from proxy.control.admin import AdminHandler
from proxy.reload import ReloadOutcome
from tests.fakes import MemoryLog

GOOD = ReloadOutcome(3, "abc", ("weight: 1 -> 2",))
BAD = ReloadOutcome(3, "abc", problems=("routing.yaml:1:1: the file is empty",))


@dataclass
class FakeRequest:
    """A request from a given address."""

    method: str
    raw_path: str
    headers: Any = field(default_factory=CIMultiDict)
    remote: str | None = "127.0.0.1"


@dataclass
class FakeSidecar:
    """The state that the listener shows, and a record of its calls."""

    outcome: ReloadOutcome = GOOD
    ready: bool = True
    calls: list[str] = field(default_factory=list)
    log: MemoryLog = field(default_factory=MemoryLog)

    async def reload(self) -> ReloadOutcome:
        self.calls.append("reload")
        return self.outcome

    def drain(self) -> None:
        self.calls.append("drain")
        self.ready = False

    async def ask(self, request: Any, key: Secret | None = None) -> tuple[int, Any]:
        admin = AdminHandler(lambda: self.outcome, self.reload, self.drain, lambda: self.ready, self.log.logger, key)
        answer = await admin(request)
        assert answer.content_type == "application/json"
        return answer.status, json.loads(answer.body)  # type: ignore[attr-defined]


async def test_healthz_is_always_ok() -> None:
    assert await FakeSidecar(BAD, ready=False).ask(FakeRequest("GET", "/healthz", remote="10.0.0.9")) == (
        200,
        {"status": "ok"},
    )


@pytest.mark.parametrize(
    ("outcome", "ready", "status", "expected"),
    [
        (GOOD, True, 200, {"status": "ready", "last_reload_successful": True}),
        (GOOD, False, 503, {"status": "draining", "last_reload_successful": True}),
        (BAD, True, 200, {"status": "ready", "last_reload_successful": False, "problems": [*BAD.problems]}),
    ],
)
async def test_readyz_depends_on_draining_and_not_on_the_file(
    outcome: ReloadOutcome, ready: bool, status: int, expected: dict[str, Any]
) -> None:
    answer = await FakeSidecar(outcome, ready).ask(FakeRequest("GET", "/readyz?verbose", remote="10.0.0.9"))
    assert answer == (status, {"generation": 3, "hash": "abc", **expected})


async def test_an_unexpected_exception_is_a_json_500_and_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    sidecar = FakeSidecar()

    async def broken() -> ReloadOutcome:
        raise KeyError("a secret")

    monkeypatch.setattr(sidecar, "reload", broken)
    status, body = await sidecar.ask(FakeRequest("POST", "/admin/reload?a=b"))
    assert (status, body["error"]["code"]) == (500, "internal_error") and "secret" not in str(body)
    [line] = sidecar.log.lines
    assert (line["event"], line["path"]) == ("request_unhandled_error", "/admin/reload")
    assert "KeyError" in sidecar.log.text


async def test_config_shows_the_active_generation() -> None:
    expected = {"generation": 3, "hash": "abc", "last_reload_successful": True}
    assert await FakeSidecar().ask(FakeRequest("GET", "/admin/config", remote="10.0.0.9")) == (200, expected)


@pytest.mark.parametrize(
    ("outcome", "status", "expected"),
    [(GOOD, 200, {"changes": ["weight: 1 -> 2"]}), (BAD, 422, {"problems": [*BAD.problems]})],
)
async def test_a_reload_returns_the_changes_or_the_problems(
    outcome: ReloadOutcome, status: int, expected: dict[str, Any]
) -> None:
    sidecar = FakeSidecar(outcome)
    assert await sidecar.ask(FakeRequest("POST", "/admin/reload")) == (
        status,
        {"generation": 3, "hash": "abc", **expected},
    )
    assert sidecar.calls == ["reload"]


async def test_drain_makes_it_not_ready() -> None:
    sidecar = FakeSidecar()
    assert await sidecar.ask(FakeRequest("POST", "/admin/drain")) == (202, {"status": "draining"})
    assert (await sidecar.ask(FakeRequest("GET", "/readyz")))[0] == 503


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("POST", "/v1/chat/completions", 404, "not_found"),
        ("POST", "/readyz", 405, "method_not_allowed"),
        ("GET", "/admin/reload", 405, "method_not_allowed"),
        ("PUT", "/admin/drain", 405, "method_not_allowed"),
    ],
)
async def test_other_paths_and_methods_are_errors(method: str, path: str, status: int, code: str) -> None:
    sidecar = FakeSidecar()
    got, body = await sidecar.ask(FakeRequest(method, path))
    assert (got, body["error"]["code"], sidecar.calls) == (status, code, [])


KEY = Secret("s3cret")
WITH_KEY = {"Authorization": "Bearer s3cret"}
WEB_PAGE = {"Origin": "https://evil.test"}


@pytest.mark.parametrize("path", ["/admin/reload", "/admin/drain"])
@pytest.mark.parametrize(
    ("remote", "headers", "key", "allowed"),
    [
        ("127.0.0.1", {}, None, True),
        ("127.8.8.8", {}, KEY, True),
        ("::1", {}, None, True),
        ("127.0.0.1", WEB_PAGE, None, False),
        ("127.0.0.1", {"Origin": "null"}, None, False),
        ("127.0.0.1", {"Origin": "http://localhost:9464"}, KEY, False),
        ("10.0.0.9", {}, None, False),
        ("fe80::1%eth0", {}, None, False),
        (None, {}, None, False),  # it has disconnected: its address is unknown
        ("10.0.0.9", {}, KEY, False),
        ("10.0.0.9", {"Authorization": "Bearer wrong"}, KEY, False),
        ("10.0.0.9", {"Authorization": "s3cret"}, KEY, False),
        ("10.0.0.9", {"Authorization": "Bearer \udcff"}, KEY, False),
        ("10.0.0.9", WITH_KEY, None, False),
        ("10.0.0.9", {"Authorization": "Bearer "}, Secret("", missing="ADMIN_KEY is not set"), False),
        ("10.0.0.9", {"X-Forwarded-For": "127.0.0.1"}, None, False),
        ("10.0.0.9", WITH_KEY, KEY, True),
        ("10.0.0.9", {**WITH_KEY, **WEB_PAGE}, KEY, True),
        (None, WITH_KEY, KEY, True),
    ],
)
async def test_reload_and_drain_need_loopback_without_origin_or_the_key(
    path: str, remote: str | None, headers: dict[str, str], key: Secret | None, allowed: bool
) -> None:
    sidecar = FakeSidecar()
    status, body = await sidecar.ask(FakeRequest("POST", path, CIMultiDict(headers), remote), key)
    assert bool(sidecar.calls) is allowed
    assert allowed or (status, body["error"]["code"]) == (403, "forbidden")
    assert "s3cret" not in json.dumps(body)
