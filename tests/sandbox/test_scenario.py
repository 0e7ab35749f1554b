"""A scenario is an immutable value."""

from __future__ import annotations

import pytest

from proxy.sandbox.scenario import Fault, Scenario


def test_the_default_scenario_has_no_delay_and_no_fault() -> None:
    assert Scenario().fault is None and Scenario().latency_s == Scenario().chunk_delay_s == 0


def test_a_scenario_cannot_be_modified() -> None:
    with pytest.raises(AttributeError):
        Fault("status").status = 500  # type: ignore[misc]
