"""What is known of the targets of a file is kept, until their account is replaced."""

from __future__ import annotations

import pytest

from proxy.resilience.breaker import BreakerSettings
from proxy.resilience.classification import CLASSIFICATIONS
from proxy.resilience.state import Resilience
from proxy.telemetry.target_map import MAX_UNPINNED
from tests.fakes import PROVIDER_KEY, generation, routing_yaml, snapshot

TARGET = "a@us/m-a"


def eject(made: Resilience, target: str) -> None:
    for _ in range(5):
        permit = made.breakers.admit(target, 100.0)
        assert permit is not None
        permit.record_failure(CLASSIFICATIONS["server_error"], 100.0, BreakerSettings())


@pytest.mark.parametrize("target", [TARGET, "a@us/other"])
def test_targets_of_the_snapshot_are_kept_however_many_others_are_used(target: str) -> None:
    made = Resilience()
    made.update(snapshot(), frozenset({TARGET}))
    for name in (target, *(f"a@us/{number}" for number in range(MAX_UNPINNED))):
        eject(made, name)
    assert made.breakers.admits(target, 100.0) is (target != TARGET)


@pytest.mark.parametrize("key", [PROVIDER_KEY, "another-key-of-the-account"])
def test_targets_of_a_replaced_account_are_available_again(key: str) -> None:
    made = Resilience()
    made.update(snapshot(), frozenset({TARGET}))
    eject(made, TARGET)
    changed = made.update(generation(routing_yaml().replace(PROVIDER_KEY, key)).snapshot, frozenset({TARGET}))
    assert changed.has_target(TARGET) is made.breakers.admits(TARGET, 100.0) is (key != PROVIDER_KEY)
