"""The runtime's parts share what they must share, and a new snapshot reaches each of them."""

from __future__ import annotations

from operator import attrgetter

from proxy.memory_account import Load
from proxy.resilience.classification import CLASSIFICATIONS
from proxy.runtime import Runtime
from tests.fakes import NOW, Clock, FakeTransport, MemoryLog, generation, routing_yaml

GROUPS = ("resilience", "telemetry", "routing")
FAILED = CLASSIFICATIONS["server_error"]


def runtime() -> Runtime:
    return Runtime.create(FakeTransport([]), MemoryLog().logger, Clock(), lambda: NOW)


def test_two_runtimes_share_nothing() -> None:
    one, other = runtime(), runtime()
    shared = {"fetch_file", "log", "sleep", "clock", "wall", "on_auth_failure", "transport"}
    for group, names in (("", Runtime.__slots__), *((name, type(getattr(one, name)).__slots__) for name in GROUPS)):
        for name in set(names) - shared:
            path = f"{group}.{name}".lstrip(".")
            assert attrgetter(path)(one) is not attrgetter(path)(other), path
    assert one.load == Load() and one.load is not other.load


def test_signals_and_breakers_see_the_same_targets() -> None:
    one = runtime()
    recorder = one.telemetry.observations.start_attempt("a@us/m-a", 100.0, stream=False)
    permit = one.resilience.breakers.admit("a@us/m-a", 100.0)
    assert permit is not None
    row = one.routing.signals.table_at(100.0).get("a@us/m-a")
    assert row is one.routing.signals.table_at(100.0).get("a@us/m-a")
    assert one.telemetry.observations.in_flight("a@us/m-a") == 1
    permit.release()
    recorder.record_cancel(101.0, hedge_lost=False)
    assert one.telemetry.observations.in_flight("a@us/m-a") == 0


def test_a_snapshot_reaches_every_part() -> None:
    one = runtime()
    one.on_snapshot(generation(routing_yaml()).snapshot)
    assert one.telemetry.observations.labels("a@us/m-a") == ("a", "us", "m-a")
    assert one.resilience.accounts.snapshot is not None
