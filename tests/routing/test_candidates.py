"""Candidates share their provider's weight, and wait as long as their provider is rate limited."""

from __future__ import annotations

import pytest

from proxy.routing.candidates import Candidate, delay_candidates, make_candidates
from proxy.telemetry.signals import Signal
from tests.routing.fixtures import WORLD

TARGETS = [target for target in WORLD.targets("m") if target.provider.name in ("openai", "google")]


def weights(candidates: list[Candidate]) -> list[float]:
    """Return the weights as numbers of the file, which the snapshot divides by their sum, 110."""
    return [pytest.approx(each.weight * 110) for each in candidates]


def test_a_provider_weight_is_divided_among_its_candidates() -> None:
    assert weights(make_candidates((target, Signal()) for target in TARGETS)) == [25, 25, 20]
    assert weights(make_candidates((target, Signal()) for target in TARGETS[1:])) == [50, 20]


@pytest.mark.parametrize(
    ("limited_for_ms", "available_in_ms"),
    [({}, [0, 300, 0]), ({"openai": 200}, [200, 300, 0]), ({"openai": 400, "google": 1}, [400, 400, 1])],
)
def test_the_longer_of_two_waits_counts(limited_for_ms: dict[str, int], available_in_ms: list[int]) -> None:
    signals = [Signal(), Signal(available_in_ms=300), Signal()]
    delayed = delay_candidates(make_candidates(zip(TARGETS, signals, strict=True)), limited_for_ms)
    assert [each.signal.available_in_ms for each in delayed] == available_in_ms
    assert weights(delayed) == [25, 25, 20]
