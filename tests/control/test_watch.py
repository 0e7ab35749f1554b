"""The health watcher publishes each status change once, with its reason."""

from __future__ import annotations

import asyncio
from asyncio import Event
from dataclasses import replace
from typing import Any

import orjson
import pytest

from proxy.control.watch import MAX_INTERVAL_S, MIN_INTERVAL_S, HealthWatcher, wait_for_change
from proxy.resilience.availability import Availability
from proxy.telemetry.broadcast import Subscriber
from tests.control.observed import ObservedRuntime, file

EJECTED = Availability(ejected_for_s=3.0, consecutive_failures=5)


def subscribe(observed: ObservedRuntime) -> Subscriber:
    return observed.runtime.telemetry.feed.subscribe(lambda: None)


def take_messages(subscriber: Subscriber) -> list[dict[str, Any]]:
    messages = [orjson.loads(message) for message in subscriber._waiting]
    subscriber._waiting.clear()
    return messages


def test_the_first_message_has_the_rows_of_the_health_endpoint() -> None:
    observed = ObservedRuntime()
    observed.add_successes("a@us/m-a")
    HealthWatcher(observed.runtime, file)
    (first,) = take_messages(subscribe(observed))
    assert first["type"] == "snapshot"
    assert [(row["name"], row["status"]) for row in first["providers"]] == [
        ("a", "healthy"),
        ("b", "healthy"),
        ("off", "disabled"),
        ("idle", "healthy"),
    ]
    assert first["providers"][0]["avg_response_time_ms"] == pytest.approx(500)


def test_a_change_is_published_once_with_its_reason() -> None:
    observed = ObservedRuntime()
    watch = HealthWatcher(observed.runtime, file)
    stream = subscribe(observed)
    take_messages(stream)
    watch.poll()
    assert take_messages(stream) == []
    observed.add_failures("b@global/m-b")
    observed.availabilities["b@global/m-b"] = EJECTED
    watch.poll()
    (message,) = take_messages(stream)
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
    assert take_messages(stream) == []
    assert observed.log.lines[-1] | {"timestamp": 0} == {
        "event": "provider_status_changed",
        "level": "warning",
        "provider": "b",
        "status": "down",
        "previous": "healthy",
        "reason": "ejected, and no success since",
        "timestamp": 0,
    }


def test_changes_are_relative_to_the_first_message() -> None:
    observed = ObservedRuntime()
    watch = HealthWatcher(observed.runtime, file)
    watch.poll()
    observed.add_failures("b@global/m-b")
    observed.availabilities["b@global/m-b"] = EJECTED
    stream = subscribe(observed)
    (first,) = take_messages(stream)
    assert first["providers"][1]["status"] == "healthy"
    watch.poll()
    assert [(message["previous"], message["status"]) for message in take_messages(stream)] == [("healthy", "down")]


def test_other_providers_after_a_reload_are_a_new_snapshot() -> None:
    observed, snapshot = ObservedRuntime(), file()
    now = [snapshot]
    watch = HealthWatcher(observed.runtime, lambda: now[0])
    stream = subscribe(observed)
    watch.poll()
    take_messages(stream)
    now[0] = replace(snapshot, providers={name: snapshot.providers[name] for name in "ab"}, models={}, patterns=())
    watch.poll()
    (message,) = take_messages(stream)
    assert (message["type"], [row["name"] for row in message["providers"]]) == ("snapshot", ["a", "b"])


async def test_it_polls_after_each_wait() -> None:
    observed = ObservedRuntime()
    watch, waits = HealthWatcher(observed.runtime, file), 0

    async def stop_after_three(wakeup: Event) -> None:
        nonlocal waits
        waits += 1
        if waits == 3:
            raise asyncio.CancelledError
        observed.availabilities["a@us/m-a"] = EJECTED

    stream = subscribe(observed)
    with pytest.raises(asyncio.CancelledError):
        await watch.run(stop_after_three)
    assert [message["type"] for message in take_messages(stream)] == ["snapshot", "provider_status_change"]


async def test_a_wait_ends_with_a_wakeup_or_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MIN_INTERVAL_S < MAX_INTERVAL_S <= 1.0
    monkeypatch.setattr("proxy.control.watch.MIN_INTERVAL_S", 0.0)
    monkeypatch.setattr("proxy.control.watch.MAX_INTERVAL_S", 0.001)
    wakeup = Event()
    await wait_for_change(wakeup)
    wakeup.set()
    monkeypatch.setattr("proxy.control.watch.MAX_INTERVAL_S", 3600.0)
    await wait_for_change(wakeup)
    assert not wakeup.is_set()
