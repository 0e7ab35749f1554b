"""Turns give each provider exactly its share."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import replace

from proxy.routing import balancing
from proxy.routing.balancing import BalancedPick, BalancerState, BalancingGroup, balancing_mode, next_pick
from proxy.routing.decision import decide
from proxy.routing.strategies import CandidateSet
from proxy.telemetry.signals import Signal
from tests.routing.fixtures import WORLD, policy_from, routing_request, signals


def shares(headers: dict[str, str], count: int = 100, down: str = "", strategy: str = "automatic") -> list[str]:
    """The first places of so many live decisions."""
    turns, first = BalancerState(), []
    rows = {down: Signal(available_in_ms=100)} if down else {}
    for number in range(count):
        asking = routing_request(policy_from(headers), seed=f"req-{number}", strategy=strategy)
        decision = decide(asking, WORLD, replace(signals(rows), pick_counts=turns.picks))
        if decision.pick:
            turns.record(decision.pick)
        first.append(decision.plan[0].target.provider.name)
    return first


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Load-Balance-Strategy": "round-robin"}, {"openai": 25, "anthropic": 25, "google": 25, "mistral": 25}),
        ({"X-Routing-Strategy": "round-robin"}, {"openai": 25, "anthropic": 25, "google": 25, "mistral": 25}),
        ({"X-Load-Balance-Providers": "google,openai"}, {"openai": 50, "google": 50}),
        ({"X-Load-Balance-Strategy": "weighted"}, {"openai": 50, "anthropic": 30, "google": 20}),
        ({"X-Routing-Strategy": "weighted"}, {"openai": 50, "anthropic": 30, "google": 20}),
        ({"X-Provider-Weights": '{"openai":70,"mistral":30}'}, {"openai": 70, "mistral": 30}),
        ({"X-Provider-Weights": '{"openai":700,"mistral":300,"cohere":9}'}, {"openai": 70, "mistral": 30}),
        ({"X-Provider-Weights": '{"openai":1,"google":1}', "X-Load-Balance-Providers": "openai,mistral"}, {"openai": 100}),
        ({"X-Load-Balance-Strategy": "round-robin", "X-Provider-Weights": '{"openai":99,"google":1}'},
         {"openai": 25, "anthropic": 25, "google": 25, "mistral": 25}),
    ],
)  # fmt: skip
def test_a_hundred_decisions_have_exactly_the_shares_asked_for(
    headers: dict[str, str], expected: dict[str, int]
) -> None:
    first = shares(headers, 250)
    for start in range(150):
        assert Counter(first[start : start + 100]) == expected


def test_a_files_strategy_may_be_turns() -> None:
    assert Counter(shares({}, strategy="weighted")) == {"openai": 50, "anthropic": 30, "google": 20}


def test_turns_are_spread_and_the_first_listed_begins() -> None:
    assert shares({"X-Load-Balance-Providers": "google,openai,mistral"}, 6) == ["google", "openai", "mistral"] * 2
    assert shares({"X-Provider-Weights": '{"openai":3,"google":1}'}, 8) == ["openai", "openai", "google", "openai"] * 2


def test_who_is_not_available_has_no_turn_and_the_others_keep_their_proportions() -> None:
    first = Counter(shares({"X-Load-Balance-Strategy": "weighted"}, 100, down="openai"))
    assert first == {"anthropic": 60, "google": 40}


def test_without_anybody_that_has_a_weight_nobody_has_a_turn() -> None:
    headers = {"X-Provider-Weights": '{"mistral":1}'}
    asking = routing_request(policy_from(headers))
    assert decide(asking, WORLD, signals({"mistral": Signal(available_in_ms=100)})).pick is None
    assert next_pick(asking, CandidateSet([]), {}) is None


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
def test_turns_are_taken_where_somebody_asks_for_them(
    headers: dict[str, str], strategy: str, expected: str | None
) -> None:
    assert balancing_mode(routing_request(policy_from(headers), strategy=strategy)) == expected


def test_two_models_take_turns_apart() -> None:
    turns = BalancerState()
    for model in ("m", "n"):
        turns.record(BalancedPick(BalancingGroup(model, (("a", 1), ("b", 1))), "a"))
    assert [len(picks) for picks in turns.picks.values()] == [1, 1]


def test_counts_stay_small_and_groups_few() -> None:
    turns = BalancerState()
    group = BalancingGroup("m", (("a", 2), ("b", 1)))
    for provider in "aba":
        turns.record(BalancedPick(group, provider))
    assert turns.picks[group] == {}
    for number in range(balancing.MAX_GROUPS):
        turns.record(BalancedPick(BalancingGroup(str(number), (("a", 1), ("b", 1))), "a"))
    assert len(turns.picks) == balancing.MAX_GROUPS and group not in turns.picks


def test_of_a_name_that_nobody_serves_nobody_has_a_turn() -> None:
    asking = routing_request(policy_from({"X-Load-Balance-Strategy": "weighted"}), model="nobody-serves-this")
    assert decide(asking, WORLD, signals({})).pick is None
