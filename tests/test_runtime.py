"""The runtime's parts share what they must share, and a new snapshot reaches each of them."""

from __future__ import annotations

import pytest

from proxy.memory_account import Load
from proxy.resilience.breaker import BreakerSettings
from proxy.resilience.classification import CLASSIFICATIONS
from proxy.runtime import Runtime
from proxy.telemetry.target_map import MAX_UNPINNED
from tests.fakes import NOW, Clock, FakeTransport, MemoryLog, generation, routing_yaml

FAILED = CLASSIFICATIONS["server_error"]


def runtime() -> Runtime:
    return Runtime(FakeTransport([]), MemoryLog().logger, Clock(), lambda: NOW)


def test_two_runtimes_share_nothing() -> None:
    one, other = runtime(), runtime()
    shared = {"log", "sleep", "clock", "wall", "on_auth_failure", "transport", "random"}
    for name in Runtime.__slots__:
        if name not in shared:
            assert getattr(one, name) is not getattr(other, name), name
    assert one.load == Load() and one.load is not other.load


def test_signals_and_breakers_see_the_same_targets() -> None:
    one = runtime()
    recorder = one.observations.start_attempt("a@us/m-a", 100.0, stream=False)
    permit = one.breakers.admit("a@us/m-a", 100.0)
    assert permit is not None
    row = one.signals.table_at(100.0).get("a@us/m-a")
    assert row is one.signals.table_at(100.0).get("a@us/m-a")
    assert one.observations.in_flight("a@us/m-a") == 1
    permit.release()
    recorder.record_cancel(101.0, hedge_lost=False)
    assert one.observations.in_flight("a@us/m-a") == 0


def test_activity_starts_now() -> None:
    assert runtime().activity.started_at == NOW


@pytest.mark.parametrize("is_configured", [True, False])
def test_targets_of_the_snapshot_are_kept_however_many_others_are_used(is_configured: bool) -> None:
    one, target = runtime(), "a@us/m-a" if is_configured else "a@us/other"
    one.on_snapshot(generation(routing_yaml()).snapshot)
    for name in [target, *(f"a@us/{number}" for number in range(MAX_UNPINNED))]:
        one.observations.start_attempt(name, 100.0, stream=False).record_cancel(100.0, hedge_lost=False)
        for _ in range(5):
            permit = one.breakers.admit(name, 100.0)
            assert permit is not None
            permit.record_failure(FAILED, 100.0, BreakerSettings())
    assert (one.observations.get(target) is not None) is is_configured
    assert (one.breakers.availability(target, 100.0).available_in_s > 0) is is_configured


def test_metrics_are_labelled_by_the_snapshot() -> None:
    one = runtime()
    one.on_snapshot(generation(routing_yaml()).snapshot)
    assert one.observations.labels("a@us/m-a") == ("a", "us", "m-a")
