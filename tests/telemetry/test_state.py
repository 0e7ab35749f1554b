"""A process's telemetry begins when it starts, and follows the file."""

from __future__ import annotations

import pytest

from proxy.resilience.accounts import NO_CHANGES, ChangedAccounts
from proxy.telemetry.state import Telemetry
from proxy.telemetry.target_map import MAX_UNPINNED
from tests.fakes import NOW, Clock, MemoryLog, snapshot

TARGET = "a@us/m-a"


def telemetry(changed: ChangedAccounts = NO_CHANGES, *targets: str) -> Telemetry:
    """Return telemetry in which these targets were tried before the snapshot came."""
    made = Telemetry.create(MemoryLog().logger, Clock(), lambda: NOW)
    for target in targets:
        made.observations.start_attempt(target, 100.0).record_cancel(100.0)
    made.update(snapshot(), frozenset({TARGET}), changed)
    return made


def test_activity_starts_now() -> None:
    assert telemetry().activity.started_at == NOW


def test_metrics_are_labelled_by_the_snapshot() -> None:
    assert telemetry().observations.labels(TARGET) == ("a", "us", "m-a")


@pytest.mark.parametrize("target", [TARGET, "a@us/other"])
def test_targets_of_the_snapshot_are_kept_however_many_others_are_used(target: str) -> None:
    made = telemetry(NO_CHANGES, target)
    for number in range(MAX_UNPINNED):
        made.observations.start_attempt(f"a@us/{number}", 100.0).record_cancel(100.0)
    assert (made.observations.get(target) is not None) is (target == TARGET)


@pytest.mark.parametrize("location", ["a@us", "b@us"])
def test_targets_of_a_replaced_account_start_anew_and_are_reported_at_once(location: str) -> None:
    made = telemetry(ChangedAccounts(frozenset({location})), TARGET)
    assert (made.observations.get(TARGET) is None) is (location == "a@us")
    assert made.feed.wakeup.is_set()
