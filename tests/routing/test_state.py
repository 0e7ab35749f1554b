"""The health that decisions read is unknown again after an account was replaced."""

from __future__ import annotations

import pytest

from proxy.resilience.accounts import ChangedAccounts
from proxy.resilience.availability import Availability
from proxy.routing.state import Routing
from proxy.runtime import Runtime
from proxy.telemetry.health import Member
from proxy.telemetry.metric_labels import group_key
from tests.fakes import NOW, Clock, FakeTransport, MemoryLog, snapshot

TARGET = "a@us/m-a"
GROUP = group_key("a", "us")


def routing() -> Routing:
    """Return a state in which a target and the region that it is in are down."""
    made = Runtime.create(FakeTransport([]), MemoryLog().logger, Clock(), lambda: NOW).routing
    for histories, key in ((made.signals.target_histories, TARGET), (made.signals.group_histories, GROUP)):
        assert histories.health(key, [Member(Availability(ejected_for_s=5.0))], 1, 100.0).status == "down"
    return made


@pytest.mark.parametrize("location", ["a@us", "b@us"])
def test_the_health_of_a_replaced_account_is_unknown_again(location: str) -> None:
    made = routing()
    made.update(snapshot(), frozenset({TARGET}), ChangedAccounts(frozenset({location})))
    assert made.signals.target_histories.has(TARGET) is (location != "a@us")
    assert made.signals.group_histories.has(GROUP) is (location != "a@us")
