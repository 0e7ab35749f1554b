"""Availability combines ejection, cooldown and failed probes."""

from __future__ import annotations

import pytest

from proxy.resilience.availability import UNTRIED, Availability, ProbeFailure

DEGRADED = ProbeFailure("timeout", "probe: timeout")
DOWN = ProbeFailure("timeout", "probe: timeout", "down")


@pytest.mark.parametrize(
    ("availability", "available_in_s", "is_down"),
    [
        (UNTRIED, 0, False),
        (Availability(consecutive_failures=4, failed_at=9), 0, False),
        (Availability(ejected_for_s=3, cooling_for_s=2), 3, True),
        (Availability(ejected_for_s=3, cooling_for_s=4), 4, True),
        (Availability(cooling_for_s=4, probe_hold_s=5, probe_failure=DEGRADED), 5, False),
        (Availability(only_failed=True), 0, True),
        (Availability(probe_failure=DOWN), 0, True),
    ],
)
def test_the_longest_of_the_waits_counts(availability: Availability, available_in_s: float, is_down: bool) -> None:
    assert (availability.available_in_s, availability.is_down) == (available_in_s, is_down)
