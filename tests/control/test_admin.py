"""The admin listener answers probes to anybody, and pulls its levers only for the near or for who has the key."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from multidict import CIMultiDict

from proxy.config.units import Secret
from proxy.control.admin import AdminHandler
from proxy.reload import ReloadOutcome

GOOD = ReloadOutcome(3, "abc", ("weight: 1 -> 2",))
BAD = ReloadOutcome(3, "abc", problems=("routing.yaml:1:1: the file is empty",))


@dataclass
class Wire:
    """A request, from an address of one's choice."""

    method: str
    raw_path: str
    headers: Any = field(default_factory=CIMultiDict)
    remote: str | None = "127.0.0.1"


@dataclass
class Levers:
    """What the listener reads and pulls."""

    outcome: ReloadOutcome = GOOD
    ready: bool = True
    pulled: list[str] = field(default_factory=list)

    async def reload(self) -> ReloadOutcome:
        self.pulled.append("reload")
        return self.outcome

    def drain(self) -> None:
        self.pulled.append("drain")
        self.ready = False

    async def ask(self, wire: Any, key: Secret | None = None) -> tuple[int, Any]:
        admin = AdminHandler(lambda: self.outcome, self.reload, self.drain, lambda: self.ready, key)
        answer = await admin(wire)
        assert answer.content_type == "application/json"
        return answer.status, json.loads(answer.body)  # type: ignore[attr-defined]


async def test_alive_is_all_that_healthz_says() -> None:
    assert await Levers(BAD, ready=False).ask(Wire("GET", "/healthz", remote="10.0.0.9")) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("outcome", "ready", "status", "said"),
    [
        (GOOD, True, 200, {"status": "ready", "last_reload_successful": True}),
        (GOOD, False, 503, {"status": "draining", "last_reload_successful": True}),
        (BAD, True, 200, {"status": "ready", "last_reload_successful": False, "problems": [*BAD.problems]}),
    ],
)
async def test_ready_until_it_drains_and_a_bad_file_is_no_reason_not_to_be(
    outcome: ReloadOutcome, ready: bool, status: int, said: dict[str, Any]
) -> None:
    answer = await Levers(outcome, ready).ask(Wire("GET", "/readyz?verbose", remote="10.0.0.9"))
    assert answer == (status, {"generation": 3, "hash": "abc", **said})


async def test_config_says_which_generation_is_in_force() -> None:
    said = {"generation": 3, "hash": "abc", "last_reload_successful": True}
    assert await Levers().ask(Wire("GET", "/admin/config", remote="10.0.0.9")) == (200, said)


@pytest.mark.parametrize(
    ("outcome", "status", "said"),
    [(GOOD, 200, {"changes": ["weight: 1 -> 2"]}), (BAD, 422, {"problems": [*BAD.problems]})],
)
async def test_a_reload_answers_what_changed_or_what_is_wrong(
    outcome: ReloadOutcome, status: int, said: dict[str, Any]
) -> None:
    levers = Levers(outcome)
    assert await levers.ask(Wire("POST", "/admin/reload")) == (status, {"generation": 3, "hash": "abc", **said})
    assert levers.pulled == ["reload"]


async def test_drain_takes_it_out_of_readiness() -> None:
    levers = Levers()
    assert await levers.ask(Wire("POST", "/admin/drain")) == (202, {"status": "draining"})
    assert (await levers.ask(Wire("GET", "/readyz")))[0] == 503


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
async def test_there_is_nothing_else(method: str, path: str, status: int, code: str) -> None:
    levers = Levers()
    got, body = await levers.ask(Wire(method, path))
    assert (got, body["error"]["code"], levers.pulled) == (status, code, [])


KEY = Secret("s3cret")
MINE = {"Authorization": "Bearer s3cret"}
PAGE = {"Origin": "https://evil.test"}


@pytest.mark.parametrize("path", ["/admin/reload", "/admin/drain"])
@pytest.mark.parametrize(
    ("remote", "headers", "key", "allowed"),
    [
        ("127.0.0.1", {}, None, True),
        ("127.8.8.8", {}, KEY, True),
        ("::1", {}, None, True),
        ("127.0.0.1", PAGE, None, False),
        ("127.0.0.1", {"Origin": "null"}, None, False),
        ("127.0.0.1", {"Origin": "http://localhost:9464"}, KEY, False),
        ("10.0.0.9", {}, None, False),
        ("fe80::1%eth0", {}, None, False),
        (None, {}, None, False),  # it has left: nobody knows where it was
        ("10.0.0.9", {}, KEY, False),
        ("10.0.0.9", {"Authorization": "Bearer wrong"}, KEY, False),
        ("10.0.0.9", {"Authorization": "s3cret"}, KEY, False),
        ("10.0.0.9", {"Authorization": "Bearer \udcff"}, KEY, False),
        ("10.0.0.9", MINE, None, False),
        ("10.0.0.9", {"Authorization": "Bearer "}, Secret("", missing="ADMIN_KEY is not set"), False),
        ("10.0.0.9", {"X-Forwarded-For": "127.0.0.1"}, None, False),
        ("10.0.0.9", MINE, KEY, True),
        ("10.0.0.9", {**MINE, **PAGE}, KEY, True),
        (None, MINE, KEY, True),
    ],
)
async def test_levers_are_for_the_near_who_are_no_web_page_or_for_who_has_the_key(
    path: str, remote: str | None, headers: dict[str, str], key: Secret | None, allowed: bool
) -> None:
    levers = Levers()
    status, body = await levers.ask(Wire("POST", path, CIMultiDict(headers), remote), key)
    assert bool(levers.pulled) is allowed
    assert allowed or (status, body["error"]["code"]) == (403, "forbidden")
    assert "s3cret" not in json.dumps(body)
