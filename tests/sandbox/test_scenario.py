"""How a simulated provider behaves, as a value."""

from __future__ import annotations

import pytest

from proxy.sandbox.scenario import Fault, Scenario


def test_a_scenario_without_faults_is_a_healthy_provider_at_once() -> None:
    assert Scenario().fault is None and Scenario().latency_s == Scenario().chunk_delay_s == 0


def test_a_scenario_is_changed_by_making_another() -> None:
    with pytest.raises(AttributeError):
        Fault("status").status = 500  # type: ignore[misc]
