"""Chance is the seed's alone; each strategy is a key that puts the better one first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from math import inf, log

import pytest

from proxy.config.prices import Price
from proxy.routing.strategies import (
    DEGRADED_FACTOR,
    EXPLORATION_RATE,
    FEW_SAMPLES,
    STRATEGIES,
    Candidate,
    CandidateSet,
    StrategyInput,
    automatic,
    geographic,
    performance_metric,
    uniform_for_target,
    uniform_from_seed,
)
from proxy.telemetry.signals import UNTRIED_SIGNAL, Percentiles, Performance, Signal
from tests.files import weighted_providers
from tests.routing.fixtures import (
    decision_for,
    measured_signal,
    planned_locations,
    planned_providers,
    policy_from,
    routing_request,
)

SEEDS = [f"req-{number}" for number in range(20_000)]


def test_chance_is_even_and_strictly_between_nought_and_one() -> None:
    values = [uniform_for_target(uniform_from_seed(seed), "openai@global/m") for seed in SEEDS]
    assert 0 < min(values) < max(values) < 1
    tenths = Counter(int(value * 10) for value in values)
    assert all(abs(tenths[tenth] - 2000) < 200 for tenth in range(10))


def test_the_chances_of_two_targets_have_nothing_to_do_with_each_other() -> None:
    pairs = Counter(
        tuple(int(uniform_for_target(uniform_from_seed(seed), target) * 5) for target in ("a@global/m", "b@global/m"))
        for seed in SEEDS
    )
    assert len(pairs) == 25 and all(abs(count - 800) < 160 for count in pairs.values())


def test_chance_is_the_same_everywhere_and_always() -> None:
    assert uniform_for_target(uniform_from_seed("req-1"), "openai@global/m") == pytest.approx(0.644900233, abs=1e-9)
    assert uniform_for_target(uniform_from_seed("req-1"), "openai@global/m") != uniform_for_target(
        uniform_from_seed("req-1"), "openai@global/n"
    )
    assert uniform_for_target(uniform_from_seed("req-1"), "openai@global/m") != uniform_for_target(
        uniform_from_seed("req-2"), "openai@global/m"
    )


def candidates(signals: dict[str, Signal], prices: dict[str, Price | None], weights: dict[str, float]) -> CandidateSet:
    """One candidate for each weight; who has no signal or price is unknown."""
    targets = {target.provider.name: target for target in weighted_providers(weights).targets("m")}
    return CandidateSet([
        Candidate(replace(targets[name], price=prices.get(name)), signals.get(name, UNTRIED_SIGNAL), weight, name)
        for name, weight in weights.items()
    ])  # fmt: skip


CHEAP, DEAR, FREE = Price.from_per_million(1, 3), Price.from_per_million(2, 6), Price.from_per_million(0, 0)


@pytest.mark.parametrize(
    ("weights", "signals", "prices", "shares"),
    [
        ({"a": 50, "b": 20, "c": 20, "d": 10}, {}, {}, (0.5, 0.2, 0.2, 0.1)),
        ({"a": 99, "b": 1}, {}, {}, (0.99, 0.01)),
        ({"a": 1, "b": 1}, {"a": measured_signal(100), "b": measured_signal(300)}, {}, (3 / 4, 1 / 4)),
        ({"a": 1, "b": 1}, {"a": measured_signal(100)}, {}, (0.5, 0.5)),
        ({"a": 1, "b": 1}, {}, {"a": CHEAP, "b": DEAR}, (2 / 3, 1 / 3)),
        ({"a": 1, "b": 1}, {}, {"a": CHEAP}, (0.5, 0.5)),
        ({"a": 1, "b": 1, "c": 1}, {}, {"a": FREE, "b": CHEAP, "c": DEAR}, (0.4, 0.4, 0.2)),
        ({"a": 1, "b": 1}, {"b": Signal(degraded=True)}, {}, (1 / 1.2, 0.2 / 1.2)),
        ({"a": 2, "b": 1}, {"a": measured_signal(400, degraded=True), "b": measured_signal(200)}, {"a": CHEAP, "b": DEAR},
         (0.2 / 0.7, 0.5 / 0.7)),
    ],
)  # fmt: skip
def test_automatic_gives_the_first_place_by_weight_ttft_price_and_health(
    weights: dict[str, float],
    signals: dict[str, Signal],
    prices: dict[str, Price | None],
    shares: tuple[float, ...],
) -> None:
    among = candidates(signals, prices, weights)
    first: Counter[str] = Counter()
    for seed in SEEDS:
        scores = automatic(StrategyInput(routing_request(seed=seed), among))
        first[among.candidates[scores.index(min(scores))].target.provider.name] += 1
    for name, share in zip(weights, shares, strict=True):
        assert abs(first[name] / len(SEEDS) - share) < 0.015


def test_a_score_of_automatic_is_minus_ln_u_over_w() -> None:
    among = candidates(
        {"a": measured_signal(400, degraded=True), "b": measured_signal(200)}, {"a": CHEAP, "b": DEAR}, {"a": 2, "b": 1}
    )
    weights = (2 * 200 / 400 * DEGRADED_FACTOR, 1 * 4 / 8)
    for each, weight, score in zip(
        among.candidates, weights, automatic(StrategyInput(routing_request(), among)), strict=True
    ):
        assert score == pytest.approx(-log(uniform_for_target(uniform_from_seed("req-1"), each.target.id)) / weight)


def test_without_weight_one_is_last() -> None:
    among = candidates({}, {}, {"a": 0.0, "b": 1e-9})
    without, little = automatic(StrategyInput(routing_request(), among))
    assert without == inf and 0 < little < inf


WEST_TO_EAST = [
    "anthropic@us-west-2",
    "openai@us-east-1",
    "google@eu-west-2",
    "mistral@eu-west-3",
    "openai@eu-central-1",
]


@pytest.mark.parametrize(
    ("region", "order"),
    [
        ("us-west-2", WEST_TO_EAST),
        ("eu-central-1", ["openai@eu-central-1", "mistral@eu-west-3", "google@eu-west-2", "openai@us-east-1",
                          "anthropic@us-west-2"]),
        ("eu-west-2", ["google@eu-west-2", "mistral@eu-west-3", "openai@eu-central-1", "openai@us-east-1",
                       "anthropic@us-west-2"]),
    ],
)  # fmt: skip
def test_geographic_begins_with_the_nearest(region: str, order: list[str]) -> None:
    assert planned_locations(decision_for({"X-User-Region": region, "X-Routing-Strategy": "geographic"})) == order


def test_a_target_that_is_nowhere_is_the_farthest() -> None:
    among = candidates({}, {}, {"a": 1})
    asking = routing_request(policy_from({"X-User-Region": "us-west-2"}))
    assert geographic(StrategyInput(asking, among)) == geographic(StrategyInput(routing_request(), among)) == [inf]


@pytest.mark.parametrize(("at_us", "at_eu", "first"), [(300, 200, "eu-central-1"), (200, 300, "us-east-1")])
def test_ties_are_broken_by_observed_latency(at_us: float, at_eu: float, first: str) -> None:
    headers = {"X-Routing-Strategy": "cost-optimized", "X-Provider": "openai"}
    found = decision_for(headers, {"openai@us": measured_signal(at_us), "openai@eu": measured_signal(at_eu)})
    assert found.plan[0].target.region == first


@pytest.mark.parametrize(
    ("facts", "order"),
    [
        ({"prompt_tokens": 1000, "max_tokens": 100}, ["google", "openai", "openai", "anthropic", "mistral"]),
        ({"prompt_tokens": 0, "max_tokens": 1}, ["google", "openai", "openai", "anthropic", "mistral"]),
    ],
)
def test_cost_optimized_begins_with_the_lowest_worst_case_and_ends_with_the_unknown(
    facts: dict[str, int], order: list[str]
) -> None:
    assert planned_providers(decision_for({"X-Routing-Strategy": "cost-optimized"}, **facts)) == order


def test_cost_optimized_counts_tokens_as_each_target_does() -> None:
    rows = {"google": measured_signal(token_ratio=3.0)}
    found = decision_for({"X-Routing-Strategy": "cost-optimized"}, rows, prompt_tokens=1000, max_tokens=1)
    assert planned_providers(found)[:3] == ["openai", "openai", "google"]


UNEXPLORED = next(seed for seed in SEEDS if uniform_for_target(uniform_from_seed(seed), "explore") >= EXPLORATION_RATE)
EXPLORING = next(seed for seed in SEEDS if uniform_for_target(uniform_from_seed(seed), "explore") < EXPLORATION_RATE)


def measured(ttft: float, latency: float, throughput: float, samples: int = 20) -> Signal:
    spreads = (Percentiles(value, value, samples) for value in (ttft, latency, throughput))
    return Signal(performance=Performance(300, *spreads))


@pytest.mark.parametrize(
    ("headers", "stream", "order"),
    [
        ({}, True, ["google", "anthropic", "openai"]),
        ({}, False, ["openai", "google", "anthropic"]),
        ({"X-Performance-Metric": "latency"}, True, ["openai", "google", "anthropic"]),
        ({"X-Performance-Metric": "ttft"}, False, ["google", "anthropic", "openai"]),
        ({"X-Performance-Metric": "throughput"}, False, ["anthropic", "openai", "google"]),
    ],
)
def test_performance_begins_with_the_best_median_of_what_is_measured(
    headers: dict[str, str], stream: bool, order: list[str]
) -> None:
    rows = {
        "openai@us": measured(300, 1000, 50), "anthropic": measured(200, 3000, 90), "google": measured(100, 2000, 10)
    }  # fmt: skip
    found = decision_for({"X-Routing-Strategy": "performance", **headers}, rows, seed=UNEXPLORED, stream=stream)
    assert planned_providers(found)[:3] == order
    assert found.plan[3].score == inf


@pytest.mark.parametrize(
    ("samples", "first"),
    [({"anthropic": 3, "mistral": 2}, "mistral"), ({"anthropic": FEW_SAMPLES, "mistral": FEW_SAMPLES}, "google")],
)
def test_performance_looks_at_the_least_known_once_in_twenty_requests(samples: dict[str, int], first: str) -> None:
    rows = {
        "openai": measured_signal(100),
        "google": measured_signal(50),
        **{name: measured_signal(500, count) for name, count in samples.items()},
    }
    assert planned_providers(decision_for({"X-Routing-Strategy": "performance"}, rows, seed=EXPLORING))[0] == first
    assert planned_providers(decision_for({"X-Routing-Strategy": "performance"}, rows, seed=UNEXPLORED))[0] == "google"


def test_performance_does_not_look_at_who_is_not_available() -> None:
    rows = {
        "openai": measured_signal(100),
        "google": measured_signal(50),
        "anthropic": measured_signal(80),
        "mistral": Signal(available_in_ms=5),
    }
    assert planned_providers(decision_for({"X-Routing-Strategy": "performance"}, rows, seed=EXPLORING))[0] == "google"


def test_one_request_in_twenty_explores() -> None:
    exploring = sum(uniform_for_target(uniform_from_seed(seed), "explore") < EXPLORATION_RATE for seed in SEEDS)
    assert abs(exploring / len(SEEDS) - EXPLORATION_RATE) < 0.01


def test_least_busy_begins_with_the_fewest_in_flight() -> None:
    in_flight = {"openai@us": 3, "openai@eu": 1, "google": 2, "mistral": 9}
    assert planned_locations(decision_for({"X-Routing-Strategy": "least-busy"}, {}, in_flight)) == [
        "anthropic@us-west-2", "openai@eu-central-1", "google@eu-west-2", "openai@us-east-1", "mistral@eu-west-3"
    ]  # fmt: skip


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_orders_by_its_score(strategy: str) -> None:
    rows = {"openai": measured_signal(100), "google": measured_signal(50), "anthropic": measured_signal(70)}
    in_flight = {"google": 4, "anthropic": 1}
    headers = {"X-Routing-Strategy": strategy, "X-User-Region": "us-west-2"}
    found = [step.score for step in decision_for(headers, rows, in_flight, seed=UNEXPLORED, prompt_tokens=9).plan]
    turning = strategy in ("round-robin", "weighted")  # these give the first place by turn
    assert len(found) == 5 and all(one <= two for one, two in pairwise(found[turning:-1]))


@pytest.mark.parametrize(
    ("headers", "stream", "expected"),
    [({}, True, "ttft"), ({}, False, "latency"), ({"X-Performance-Metric": "throughput"}, True, "throughput")],
)
def test_streams_are_measured_to_their_first_token(headers: dict[str, str], stream: bool, expected: str) -> None:
    assert performance_metric(routing_request(policy_from(headers), stream=stream)) == expected
