"""Followers hear of a status that changed, once, with its reason; nobody hears of anything else."""

from __future__ import annotations

import asyncio
from asyncio import Event
from dataclasses import replace
from typing import Any

import orjson
import pytest

from proxy.control.watch import EVERY, PAUSE, Watch, rest
from proxy.telemetry.feed import Follower
from proxy.telemetry.health import Standing
from tests.control.seen import Seen, file

EJECTED = Standing(ejected_for=3.0, failures=5)


def follower(seen: Seen) -> Follower:
    return seen.services.feed.follow(lambda: None)


def said(follower: Follower) -> list[dict[str, Any]]:
    messages = [orjson.loads(message) for message in follower._waiting]
    follower._waiting.clear()
    return messages


def test_the_first_message_has_everybodys_row_as_the_endpoint_shows_it() -> None:
    seen = Seen()
    seen.good("a@us/m-a")
    Watch(seen.services, file)
    (opening,) = said(follower(seen))
    assert opening["type"] == "snapshot"
    assert [(row["name"], row["status"]) for row in opening["providers"]] == [
        ("a", "healthy"),
        ("b", "healthy"),
        ("off", "disabled"),
        ("idle", "healthy"),
    ]
    assert opening["providers"][0]["avg_response_time_ms"] == pytest.approx(500)


def test_a_change_is_told_once_with_its_reason() -> None:
    seen = Seen()
    watch = Watch(seen.services, file)
    following = follower(seen)
    said(following)
    watch.look()
    assert said(following) == []
    seen.bad("b@global/m-b")
    seen.standings["b@global/m-b"] = EJECTED
    watch.look()
    (message,) = said(following)
    assert message == {
        "type": "provider_status_change",
        "provider": "b",
        "status": "down",
        "previous": "healthy",
        "reason": "ejected, and no success since",
        "at": "2023-11-14T22:30:00.000Z",
        "models": [{"name": "m", "status": "down"}, {"name": "x-*", "status": "healthy"}],
        "regions": [{"name": "global", "status": "down"}],
    }
    watch.look()
    assert said(following) == []
    assert seen.log.lines[-1] | {"timestamp": 0} == {
        "event": "provider_status_changed",
        "level": "warning",
        "provider": "b",
        "status": "down",
        "previous": "healthy",
        "reason": "ejected, and no success since",
        "timestamp": 0,
    }


def test_changes_go_on_from_what_the_first_message_said() -> None:
    seen = Seen()
    watch = Watch(seen.services, file)
    watch.look()
    seen.bad("b@global/m-b")
    seen.standings["b@global/m-b"] = EJECTED
    following = follower(seen)
    (opening,) = said(following)
    assert opening["providers"][1]["status"] == "healthy"
    watch.look()
    assert [(message["previous"], message["status"]) for message in said(following)] == [("healthy", "down")]


def test_a_file_with_other_providers_is_a_new_beginning() -> None:
    seen, snapshot = Seen(), file()
    now = [snapshot]
    watch = Watch(seen.services, lambda: now[0])
    following = follower(seen)
    watch.look()
    said(following)
    now[0] = replace(snapshot, providers={name: snapshot.providers[name] for name in "ab"}, models={}, patterns=())
    watch.look()
    (message,) = said(following)
    assert (message["type"], [row["name"] for row in message["providers"]]) == ("snapshot", ["a", "b"])


async def test_it_looks_again_after_each_rest() -> None:
    seen = Seen()
    watch, rests = Watch(seen.services, file), 0

    async def resting(stirred: Event) -> None:
        nonlocal rests
        rests += 1
        if rests == 3:
            raise asyncio.CancelledError
        seen.standings["a@us/m-a"] = EJECTED

    following = follower(seen)
    with pytest.raises(asyncio.CancelledError):
        await watch.run(resting)
    assert [message["type"] for message in said(following)] == ["snapshot", "provider_status_change"]


async def test_a_rest_ends_when_something_stirs_or_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    assert PAUSE < EVERY <= 1.0
    monkeypatch.setattr("proxy.control.watch.PAUSE", 0.0)
    monkeypatch.setattr("proxy.control.watch.EVERY", 0.001)
    stirred = Event()
    await rest(stirred)
    stirred.set()
    monkeypatch.setattr("proxy.control.watch.EVERY", 3600.0)
    await rest(stirred)
    assert not stirred.is_set()
