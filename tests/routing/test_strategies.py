"""Each strategy gives the better candidate the lower sort key."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from math import inf, log

import pytest

from proxy.config.prices import Price
from proxy.routing.candidates import Candidate
from proxy.routing.decision_cache import CandidateSet
from proxy.routing.lottery import uniform_for_target, uniform_from_seed
from proxy.routing.strategies import (
    STRATEGIES,
    StrategyInput,
    automatic,
    geographic,
    performance,
    performance_metric,
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


def candidates(signals: dict[str, Signal], prices: dict[str, Price | None], weights: dict[str, float]) -> CandidateSet:
    """Return one candidate for each weight; without a signal or price it is unknown."""
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
    candidate_set = candidates(signals, prices, weights)
    first: Counter[str] = Counter()
    for seed in SEEDS:
        scores = automatic(StrategyInput(routing_request(seed=seed), candidate_set))
        first[candidate_set.candidates[scores.index(min(scores))].target.provider.name] += 1
    for name, share in zip(weights, shares, strict=True):
        assert abs(first[name] / len(SEEDS) - share) < 0.015


def test_a_score_of_automatic_is_minus_ln_u_over_w() -> None:
    candidate_set = candidates(
        {"a": measured_signal(400, degraded=True), "b": measured_signal(200)}, {"a": CHEAP, "b": DEAR}, {"a": 2, "b": 1}
    )
    weights = (2 * 200 / 400 * 0.2, 1 * 4 / 8)
    for each, weight, score in zip(
        candidate_set.candidates, weights, automatic(StrategyInput(routing_request(), candidate_set)), strict=True
    ):
        assert score == pytest.approx(-log(uniform_for_target(uniform_from_seed("req-1"), each.target.id)) / weight)


def test_a_target_without_weight_comes_last() -> None:
    candidate_set = candidates({}, {}, {"a": 0.0, "b": 1e-9})
    without, little = automatic(StrategyInput(routing_request(), candidate_set))
    assert without == inf and 0 < little < inf


WEST_TO_EAST = [
    "anthropic@us-west-2",
    "openai@us-east-1",
    "google@eu-west-2",
    "openai@eu-central-1",
    "mistral@eu-west-3",
]
"""By distance, but for mistral, which has weight 0."""


@pytest.mark.parametrize(
    ("region", "order"),
    [
        ("us-west-2", WEST_TO_EAST),
        ("eu-central-1", ["openai@eu-central-1", "google@eu-west-2", "openai@us-east-1", "anthropic@us-west-2",
                          "mistral@eu-west-3"]),
        ("eu-west-2", ["google@eu-west-2", "openai@eu-central-1", "openai@us-east-1", "anthropic@us-west-2",
                       "mistral@eu-west-3"]),
    ],
)  # fmt: skip
def test_geographic_puts_the_nearest_target_first(region: str, order: list[str]) -> None:
    assert planned_locations(decision_for({"X-User-Region": region, "X-Routing-Strategy": "geographic"})) == order


def test_a_target_in_an_unknown_region_comes_last() -> None:
    candidate_set = candidates({}, {}, {"a": 1})
    request = routing_request(policy_from({"X-User-Region": "us-west-2"}))
    assert (
        geographic(StrategyInput(request, candidate_set))
        == geographic(StrategyInput(routing_request(), candidate_set))
        == [inf]
    )


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
def test_cost_optimized_puts_the_lowest_worst_case_first_and_unknown_prices_last(
    facts: dict[str, int], order: list[str]
) -> None:
    assert planned_providers(decision_for({"X-Routing-Strategy": "cost-optimized"}, **facts)) == order


def test_cost_optimized_counts_tokens_as_each_target_does() -> None:
    rows = {"google": measured_signal(token_ratio=3.0)}
    found = decision_for({"X-Routing-Strategy": "cost-optimized"}, rows, prompt_tokens=1000, max_tokens=1)
    assert planned_providers(found)[:3] == ["openai", "openai", "google"]


UNEXPLORED, EXPLORING = "req-0", "req-18"
"""Seeds that `performance` does not explore for, and does."""


def measured(ttft: float, latency: float, throughput: float, samples: int = 20) -> Signal:
    percentiles = (Percentiles(value, value, samples) for value in (ttft, latency, throughput))
    return Signal(performance=Performance(300, *percentiles))


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
def test_performance_puts_the_best_median_of_the_metric_first(
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
    [
        ({"anthropic": 3, "mistral": 2}, "anthropic"),
        ({"anthropic": 9, "mistral": 10}, "anthropic"),
        ({"anthropic": 10, "mistral": 10}, "google"),
    ],
)
def test_performance_explores_the_target_with_the_fewest_samples(samples: dict[str, int], first: str) -> None:
    rows = {
        "openai": measured_signal(100),
        "google": measured_signal(50),
        **{name: measured_signal(500, count) for name, count in samples.items()},
    }
    assert planned_providers(decision_for({"X-Routing-Strategy": "performance"}, rows, seed=EXPLORING))[0] == first
    assert planned_providers(decision_for({"X-Routing-Strategy": "performance"}, rows, seed=UNEXPLORED))[0] == "google"


def test_performance_does_not_explore_unavailable_targets() -> None:
    rows = {
        "openai": measured_signal(100),
        "google": measured_signal(50),
        "anthropic": measured_signal(80),
        "mistral": Signal(available_in_ms=5),
    }
    assert planned_providers(decision_for({"X-Routing-Strategy": "performance"}, rows, seed=EXPLORING))[0] == "google"


def test_performance_explores_for_one_request_in_twenty() -> None:
    candidate_set = candidates({"a": measured_signal(10), "b": measured_signal(90, 3)}, {}, {"a": 1, "b": 1})
    scores = [performance(StrategyInput(routing_request(seed=seed), candidate_set)) for seed in SEEDS]
    assert all(score in ([10, 90], [10, -inf]) for score in scores)
    assert 900 < scores.count([10, -inf]) < 1100  # of 20,000


def test_least_busy_puts_the_fewest_attempts_in_flight_first() -> None:
    in_flight = {"openai@us": 3, "openai@eu": 1, "google": 2, "mistral": 9}
    assert planned_locations(decision_for({"X-Routing-Strategy": "least-busy"}, {}, in_flight)) == [
        "anthropic@us-west-2", "openai@eu-central-1", "google@eu-west-2", "openai@us-east-1", "mistral@eu-west-3"
    ]  # fmt: skip


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_orders_the_plan_by_its_scores(strategy: str) -> None:
    rows = {"openai": measured_signal(100), "google": measured_signal(50), "anthropic": measured_signal(70)}
    in_flight = {"google": 4, "anthropic": 1}
    headers = {"X-Routing-Strategy": strategy, "X-User-Region": "us-west-2"}
    found = [step.score for step in decision_for(headers, rows, in_flight, seed=UNEXPLORED, prompt_tokens=9).plan]
    balanced = strategy in ("round-robin", "weighted")  # the first place is the balancer's pick
    assert len(found) == 5 and all(one <= two for one, two in pairwise(found[balanced:-1]))


@pytest.mark.parametrize(
    ("headers", "stream", "expected"),
    [({}, True, "ttft"), ({}, False, "latency"), ({"X-Performance-Metric": "throughput"}, True, "throughput")],
)
def test_the_default_metric_is_ttft_for_streams_and_latency_otherwise(
    headers: dict[str, str], stream: bool, expected: str
) -> None:
    assert performance_metric(routing_request(policy_from(headers), stream=stream)) == expected
