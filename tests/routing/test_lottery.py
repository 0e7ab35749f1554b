"""The lottery's random numbers depend on the seed alone, are uniform, and differ between targets."""

from __future__ import annotations

from collections import Counter

import pytest

from proxy.routing.lottery import uniform_for_target, uniform_from_seed

SEEDS = [f"req-{number}" for number in range(20_000)]


def test_numbers_are_uniform_and_strictly_between_0_and_1() -> None:
    values = [uniform_for_target(uniform_from_seed(seed), "openai@global/m") for seed in SEEDS]
    assert 0 < min(values) < max(values) < 1
    tenths = Counter(int(value * 10) for value in values)
    assert all(abs(tenths[tenth] - 2000) < 200 for tenth in range(10))


def test_the_numbers_of_two_targets_are_independent() -> None:
    pairs = Counter(
        tuple(int(uniform_for_target(uniform_from_seed(seed), target) * 5) for target in ("a@global/m", "b@global/m"))
        for seed in SEEDS
    )
    assert len(pairs) == 25 and all(abs(count - 800) < 160 for count in pairs.values())


def test_a_number_depends_on_seed_and_target_alone() -> None:
    assert uniform_for_target(uniform_from_seed("req-1"), "openai@global/m") == pytest.approx(0.644900233, abs=1e-9)
    assert uniform_for_target(uniform_from_seed("req-1"), "openai@global/m") != uniform_for_target(
        uniform_from_seed("req-1"), "openai@global/n"
    )
    assert uniform_for_target(uniform_from_seed("req-1"), "openai@global/m") != uniform_for_target(
        uniform_from_seed("req-2"), "openai@global/m"
    )
