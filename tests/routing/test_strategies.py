"""Chance is the seed's alone, and automatic gives each its share."""

from __future__ import annotations

from collections import Counter
from math import inf

import pytest

from proxy.routing.strategies import Candidate, automatic, chance
from proxy.telemetry.signals import UNKNOWN
from tests.files import providers

SEEDS = [f"req-{number}" for number in range(20_000)]


def test_chance_is_even_and_strictly_between_nought_and_one() -> None:
    values = [chance(seed, "openai@global/m") for seed in SEEDS]
    assert 0 < min(values) < max(values) < 1
    tenths = Counter(int(value * 10) for value in values)
    assert all(abs(tenths[tenth] - 2000) < 200 for tenth in range(10))


def test_chance_is_the_same_everywhere_and_always() -> None:
    assert chance("req-1", "openai@global/m") == pytest.approx(0.19206984973160363, abs=1e-15)
    assert chance("req-1", "openai@global/m") != chance("req-1", "openai@global/n")
    assert chance("req-1", "openai@global/m") != chance("req-2", "openai@global/m")


@pytest.mark.parametrize(
    "weights", [(50, 20, 20, 10), (1, 1), (99, 1), (1, 0.5, 0.25)], ids=lambda weights: "-".join(map(str, weights))
)
def test_the_first_place_follows_the_weights(weights: tuple[float, ...]) -> None:
    snapshot = providers(dict(zip("abcd", weights, strict=False)))
    candidates = [Candidate(target, UNKNOWN, target.provider.weight) for target in snapshot.targets("m")]
    first = Counter(min(candidates, key=lambda each: automatic(each, seed)).target.provider.name for seed in SEEDS)
    for name, weight in zip("abcd", weights, strict=False):
        assert abs(first[name] / len(SEEDS) - weight / sum(weights)) < 0.015


def test_without_weight_one_is_last() -> None:
    target = providers({"a": 1}).targets("m")[0]
    assert automatic(Candidate(target, UNKNOWN, 0.0), "seed") == inf
    assert 0 < automatic(Candidate(target, UNKNOWN, 1e-9), "seed") < inf
