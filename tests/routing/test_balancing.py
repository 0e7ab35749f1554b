"""Balancing gives each provider exactly its share of first places."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import replace

from proxy.routing import balancing
from proxy.routing.balancing import BalancedPick, BalancerState, balancing_mode, next_pick
from proxy.routing.decision import decide
from proxy.routing.decision_cache import BalancingGroup, CandidateSet
from proxy.telemetry.signals import Signal
from tests.routing.fixtures import WORLD, policy_from, routing_request, signals


def shares(headers: dict[str, str], count: int = 100, down: str = "", strategy: str = "automatic") -> list[str]:
    """Return the providers in first place of that many live decisions."""
    state, first = BalancerState(), []
    rows = {down: Signal(available_in_ms=100)} if down else {}
    for number in range(count):
        request = routing_request(policy_from(headers), seed=f"req-{number}", strategy=strategy)
        decision = decide(request, WORLD, replace(signals(rows), pick_counts=state.picks))
        if decision.pick:
            state.record(decision.pick)
        first.append(decision.plan[0].target.provider.name)
    return first


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Load-Balance-Strategy": "round-robin", "X-Load-Balance-Providers": "openai,anthropic,google,mistral"},
         {"openai": 25, "anthropic": 25, "google": 25, "mistral": 25}),
        ({"X-Routing-Strategy": "round-robin", "X-Exclude-Providers": "google"}, {"openai": 50, "anthropic": 50}),
        ({"X-Load-Balance-Providers": "google,openai"}, {"openai": 50, "google": 50}),
        ({"X-Load-Balance-Strategy": "weighted"}, {"openai": 50, "anthropic": 30, "google": 20}),
        ({"X-Routing-Strategy": "weighted"}, {"openai": 50, "anthropic": 30, "google": 20}),
        ({"X-Provider-Weights": '{"openai":70,"mistral":30}'}, {"openai": 70, "mistral": 30}),
        ({"X-Provider-Weights": '{"openai":700,"mistral":300,"cohere":9}'}, {"openai": 70, "mistral": 30}),
        ({"X-Provider-Weights": '{"openai":1,"google":1}', "X-Load-Balance-Providers": "openai,mistral"}, {"openai": 100}),
        ({"X-Load-Balance-Strategy": "round-robin", "X-Provider-Weights": '{"openai":99,"google":1}',
          "X-Exclude-Providers": "google"}, {"openai": 50, "anthropic": 50}),
    ],
)  # fmt: skip
def test_any_hundred_decisions_have_exactly_the_requested_shares(
    headers: dict[str, str], expected: dict[str, int]
) -> None:
    first = shares(headers, 250)
    for start in range(150):
        assert Counter(first[start : start + 100]) == expected


def test_the_default_strategy_may_be_a_balancing_one() -> None:
    assert Counter(shares({}, strategy="weighted")) == {"openai": 50, "anthropic": 30, "google": 20}


def test_picks_are_spread_and_begin_with_the_first_listed() -> None:
    assert shares({"X-Load-Balance-Providers": "google,openai,mistral"}, 6) == ["google", "openai", "mistral"] * 2
    assert shares({"X-Provider-Weights": '{"openai":3,"google":1}'}, 8) == ["openai", "openai", "google", "openai"] * 2


def test_an_unavailable_provider_is_not_picked_and_the_others_keep_their_proportions() -> None:
    first = Counter(shares({"X-Load-Balance-Strategy": "weighted"}, 100, down="openai"))
    assert first == {"anthropic": 60, "google": 40}


def test_without_an_available_provider_with_a_weight_there_is_no_pick() -> None:
    headers = {"X-Provider-Weights": '{"mistral":1}'}
    request = routing_request(policy_from(headers))
    assert decide(request, WORLD, signals({"mistral": Signal(available_in_ms=100)})).pick is None
    assert next_pick(request, "weighted", CandidateSet([]), {}) is None


@pytest.mark.parametrize(
    ("headers", "strategy", "expected"),
    [
        ({}, "automatic", None),
        ({}, "weighted", "weighted"),
        ({"X-Routing-Strategy": "geographic"}, "weighted", None),
        ({"X-Routing-Strategy": "round-robin"}, "automatic", "round-robin"),
        ({"X-Load-Balance-Strategy": "round-robin"}, "weighted", "round-robin"),
        ({"X-Provider-Weights": '{"openai":1}'}, "automatic", "weighted"),
        ({"X-Load-Balance-Providers": "openai"}, "automatic", "round-robin"),
        ({"X-Load-Balance-Providers": "openai", "X-Provider-Weights": '{"openai":1}'}, "automatic", "weighted"),
    ],
)
def test_the_balancing_mode_comes_from_headers_or_the_default_strategy(
    headers: dict[str, str], strategy: str, expected: str | None
) -> None:
    assert balancing_mode(routing_request(policy_from(headers), strategy=strategy)) == expected


def test_two_models_are_counted_separately() -> None:
    state = BalancerState()
    for model in ("m", "n"):
        state.record(BalancedPick(BalancingGroup(model, (("a", 1), ("b", 1))), "a"))
    assert [len(picks) for picks in state.picks.values()] == [1, 1]


def test_counts_stay_small_and_groups_few() -> None:
    state = BalancerState()
    group = BalancingGroup("m", (("a", 2), ("b", 1)))
    for provider in "aba":
        state.record(BalancedPick(group, provider))
    assert state.picks[group] == {}
    for number in range(balancing.MAX_GROUPS):
        state.record(BalancedPick(BalancingGroup(str(number), (("a", 1), ("b", 1))), "a"))
    assert len(state.picks) == balancing.MAX_GROUPS and group not in state.picks


def test_an_unknown_model_has_no_pick() -> None:
    request = routing_request(policy_from({"X-Load-Balance-Strategy": "weighted"}), model="unknown")
    assert decide(request, WORLD, signals({})).pick is None
