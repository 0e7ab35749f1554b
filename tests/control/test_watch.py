"""Followers hear of a status that changed, once, with its reason; nobody hears of anything else."""

from __future__ import annotations

import asyncio
from asyncio import Event
from dataclasses import replace
from typing import Any

import orjson
import pytest

from proxy.control.watch import MAX_INTERVAL_S, MIN_INTERVAL_S, HealthWatcher, wait_for_change
from proxy.telemetry.broadcast import Subscriber
from proxy.telemetry.health import Availability
from tests.control.observed import ObservedRuntime, file

EJECTED = Availability(ejected_for_s=3.0, consecutive_failures=5)


def follower(seen: ObservedRuntime) -> Subscriber:
    return seen.runtime.feed.subscribe(lambda: None)


def said(follower: Subscriber) -> list[dict[str, Any]]:
    messages = [orjson.loads(message) for message in follower._waiting]
    follower._waiting.clear()
    return messages


def test_the_first_message_has_everybodys_row_as_the_endpoint_shows_it() -> None:
    seen = ObservedRuntime()
    seen.add_successes("a@us/m-a")
    HealthWatcher(seen.runtime, file)
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
    seen = ObservedRuntime()
    watch = HealthWatcher(seen.runtime, file)
    following = follower(seen)
    said(following)
    watch.poll()
    assert said(following) == []
    seen.add_failures("b@global/m-b")
    seen.standings["b@global/m-b"] = EJECTED
    watch.poll()
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
    watch.poll()
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
    seen = ObservedRuntime()
    watch = HealthWatcher(seen.runtime, file)
    watch.poll()
    seen.add_failures("b@global/m-b")
    seen.standings["b@global/m-b"] = EJECTED
    following = follower(seen)
    (opening,) = said(following)
    assert opening["providers"][1]["status"] == "healthy"
    watch.poll()
    assert [(message["previous"], message["status"]) for message in said(following)] == [("healthy", "down")]


def test_a_file_with_other_providers_is_a_new_beginning() -> None:
    seen, snapshot = ObservedRuntime(), file()
    now = [snapshot]
    watch = HealthWatcher(seen.runtime, lambda: now[0])
    following = follower(seen)
    watch.poll()
    said(following)
    now[0] = replace(snapshot, providers={name: snapshot.providers[name] for name in "ab"}, models={}, patterns=())
    watch.poll()
    (message,) = said(following)
    assert (message["type"], [row["name"] for row in message["providers"]]) == ("snapshot", ["a", "b"])


async def test_it_looks_again_after_each_rest() -> None:
    seen = ObservedRuntime()
    watch, rests = HealthWatcher(seen.runtime, file), 0

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
    assert MIN_INTERVAL_S < MAX_INTERVAL_S <= 1.0
    monkeypatch.setattr("proxy.control.watch.MIN_INTERVAL_S", 0.0)
    monkeypatch.setattr("proxy.control.watch.MAX_INTERVAL_S", 0.001)
    stirred = Event()
    await wait_for_change(stirred)
    stirred.set()
    monkeypatch.setattr("proxy.control.watch.MAX_INTERVAL_S", 3600.0)
    await wait_for_change(stirred)
    assert not stirred.is_set()
