"""Totals of several targets add up."""

from __future__ import annotations

from proxy.telemetry.target_totals import TargetTotals


def test_totals_add_up_and_the_added_ones_stay_as_they_are() -> None:
    one, other = TargetTotals(ejections=2), TargetTotals(ejections=3)
    one.counts.started, other.counts.started = 1, 4
    other.prompt_tokens.record(7)
    one.add(other)
    assert (one.ejections, one.counts.started, one.prompt_tokens.samples) == (5, 5, 1)
    assert (other.ejections, other.counts.started) == (3, 4)
