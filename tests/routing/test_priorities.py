"""Priority and weight 0: what comes before and after them, and who takes turns."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
from msgspec.structs import replace

from proxy.routing.balancing import BalancerState
from proxy.routing.decision import Decision, decide
from proxy.routing.strategies import STRATEGIES
from proxy.telemetry.signals import Signal, Signals, SignalTable
from tests.files import load_snapshot
from tests.routing.fixtures import measured_signal, planned_providers, policy_from, routing_request
from tests.routing.test_strategies import EXPLORING, UNEXPLORED

TIERS = load_snapshot("""
providers:
  local: {dialect: openai, base_url: http://x}
  near: {dialect: openai, base_url: http://x}
  cloud: {dialect: openai, base_url: http://x}
  spare: {dialect: openai, base_url: http://x, weight: 0}
models:
  m:
    targets:
      local: {model: l, price: {input: 9, output: 9}}
      near: {model: n, price: {input: 8, output: 8}}
      cloud: {model: c, price: {input: 2, output: 2}, priority: 1}
      spare: {model: s, price: {input: 1, output: 1}, priority: 1}
""")
"""Two priorities. The cheaper a target the later it comes, and `spare` is a last resort."""
DOWN = Signal(available_in_ms=1000)
FALLBACKS = {"X-Provider-Fallbacks": "spare,cloud,local"}
CONFIG = {"X-Failover-Config": '{"primary_provider":"cloud","fallback_rules":[{"provider":"local"}]}'}


def decision(
    headers: dict[str, str], rows: dict[str, Signal] | None = None, sticky: str = "", **options: str
) -> Decision:
    ids = {target.provider.name: target.id for target in TIERS.targets("m")}
    table = SignalTable({ids[name]: row for name, row in (rows or {}).items()})
    policy = policy_from({"X-Routing-Strategy": "cost-optimized", **headers}, TIERS)
    return decide(
        routing_request(policy, prompt_tokens=9, **options), TIERS, Signals(table, sticky_target=ids.get(sticky))
    )


@pytest.mark.parametrize(
    ("headers", "down", "order"),
    [
        ({}, "", "near local cloud spare"),
        ({}, "near local", "cloud spare near local"),
        ({}, "near", "local cloud spare near"),
        ({}, "local near cloud", "spare near local cloud"),
        ({"X-Max-Latency-Ms": "1"}, "", "near local cloud spare"),
        ({"X-Provider-Preference": "local"}, "", "local near cloud spare"),
        ({"X-Provider-Preference": "cloud"}, "", "near local cloud spare"),
        ({"X-Provider-Preference": "spare"}, "", "near local spare cloud"),
        ({"X-Provider-Preference": "spare,local"}, "", "local near spare cloud"),
        ({"X-Load-Balance-Providers": "cloud,local"}, "", "local near cloud spare"),
        ({"X-Provider-Weights": '{"cloud":9,"local":1}'}, "", "local near cloud spare"),
        ({"X-Exclude-Providers": "local,near"}, "", "cloud spare"),
        ({"X-Provider": "spare"}, "", "spare"),
        (FALLBACKS, "", "spare cloud local"),
        (FALLBACKS, "spare", "cloud local spare"),
        (CONFIG, "", "cloud local"),
    ],
)
def test_a_lower_priority_number_comes_before_all_but_availability_and_chains(
    headers: dict[str, str], down: str, order: str
) -> None:
    rows = {name: measured_signal(900) for name in ("near", "local")} if "X-Max-Latency-Ms" in headers else {}
    rows |= dict.fromkeys(down.split(), DOWN)
    assert planned_providers(decision(headers, rows)) == order.split()


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("seed", ["one", "two", "three"])
def test_every_strategy_keeps_priorities_and_puts_the_last_resort_last(strategy: str, seed: str) -> None:
    found = planned_providers(decision({"X-Routing-Strategy": strategy}, {"spare": measured_signal(1)}, seed=seed))
    assert sorted(found[:2]) == ["local", "near"] and found[2:] == ["cloud", "spare"]


@pytest.mark.parametrize(
    ("sticky", "order"),
    [("local", "local near cloud spare"), ("cloud", "near local cloud spare"), ("spare", "near local spare cloud")],
)
def test_a_session_stays_within_its_priority(sticky: str, order: str) -> None:
    assert planned_providers(decision({}, sticky=sticky)) == order.split()


@pytest.mark.parametrize(
    ("headers", "down", "warnings"),
    [
        ({"X-Provider-Preference": "cloud"}, "", ("preference-overridden;provider=cloud;by=priority",)),
        ({"X-Provider-Preference": "spare,local"}, "", ("preference-overridden;provider=spare;by=priority",)),
        ({"X-Provider-Preference": "local,cloud"}, "", ()),
        ({"X-Provider-Preference": "cloud"}, "local near", ()),
        ({"X-Provider-Preference": "local"}, "local", ()),
        ({"X-Provider-Preference": "cloud", **FALLBACKS}, "", ()),
        ({}, "", ()),
    ],
)
def test_a_preference_that_loses_to_a_priority_is_a_warning(
    headers: dict[str, str], down: str, warnings: tuple[str, ...]
) -> None:
    found = decision(headers, dict.fromkeys(down.split(), DOWN))
    assert found.warnings == warnings and found.as_json().get("warnings", []) == list(warnings)


def test_a_preference_of_the_file_that_loses_to_a_priority_is_no_warning() -> None:
    policy = policy_from({"X-Provider-Preference": "cloud"}, TIERS)
    for sources, count in ((("defaults",), 0), (("request",), 1)):
        request = routing_request(dataclasses.replace(policy, sources={"provider_preference": sources}))
        assert len(decide(request, TIERS, Signals()).warnings) == count


@pytest.mark.parametrize(
    ("headers", "down", "turns"),
    [
        ({"X-Routing-Strategy": "round-robin"}, "", {"local": 4, "near": 4}),
        ({"X-Routing-Strategy": "round-robin"}, "local", {"near": 8}),
        ({"X-Routing-Strategy": "round-robin"}, "local near", {"cloud": 8}),
        ({"X-Routing-Strategy": "round-robin"}, "local near cloud", {"spare": 8}),
        (
            {"X-Routing-Strategy": "round-robin", "X-Load-Balance-Providers": "spare,cloud"},
            "local near",
            {"spare": 4, "cloud": 4},
        ),
        ({"X-Provider-Weights": '{"spare":1,"cloud":3}'}, "local near", {"spare": 2, "cloud": 6}),
        ({"X-Routing-Strategy": "weighted"}, "", {"local": 4, "near": 4}),
    ],
)
def test_turns_are_taken_within_the_leading_priority_and_not_by_a_last_resort(
    headers: dict[str, str], down: str, turns: dict[str, int]
) -> None:
    state, first = BalancerState(), Counter[str]()
    ids = {target.provider.name: target.id for target in TIERS.targets("m")}
    signals = Signals(SignalTable({ids[name]: DOWN for name in down.split()}))
    for _ in range(8):
        found = decide(routing_request(policy_from(headers, TIERS)), TIERS, replace(signals, pick_counts=state.picks))
        assert found.pick is not None
        state.record(found.pick)
        first[found.plan[0].target.provider.name] += 1
    assert first == turns


WEIGHTS = load_snapshot("""
providers:
  a: {dialect: openai, base_url: http://x, weight: 60, regions: {r1: {}, r2: {}}}
  b: {dialect: openai, base_url: http://x, weight: 40}
models:
  m: {a: {model: x, weight: 10}, b: {model: y, weight: 30}}
  one: {a: {model: x, weight: 0}, b: y}
  two:
    targets:
      large: {provider: a, model: x, weight: 30}
      small: {provider: a, model: z, weight: 10}
      b: {model: y, weight: 60}
""")


@pytest.mark.parametrize(
    ("model", "shares"),
    [
        ("m", {"x": 0.25, "y": 0.75}),
        ("one", {"y": 1.0}),
        ("two", {"x": 0.3, "z": 0.1, "y": 0.6}),
    ],
)
def test_a_weight_of_a_target_replaces_its_providers_for_that_model(model: str, shares: dict[str, float]) -> None:
    first: Counter[str] = Counter()
    for number in range(10_000):
        plan = decide(routing_request(seed=f"req-{number}", model=model), WEIGHTS, Signals()).plan
        first[plan[0].target.model] += 1
    assert {name: round(count / 10_000, 1) for name, count in first.items()} == {
        name: round(share, 1) for name, share in shares.items()
    }


@pytest.mark.parametrize(
    ("model", "turns"), [("m", {"a": 25, "b": 75}), ("one", {"b": 100}), ("two", {"a": 40, "b": 60})]
)
def test_weighted_balancing_counts_the_weights_of_targets(model: str, turns: dict[str, int]) -> None:
    state, first = BalancerState(), Counter[str]()
    for _ in range(100):
        found = decide(routing_request(strategy="weighted", model=model), WEIGHTS, Signals(pick_counts=state.picks))
        assert found.pick is not None
        state.record(found.pick)
        first[found.pick.provider] += 1
    assert first == turns


def test_a_turn_of_a_provider_is_not_taken_by_its_last_resort() -> None:
    snapshot = load_snapshot("""
providers: {a: {dialect: openai, base_url: http://x, regions: {us-east-1: {}}}, b: {dialect: openai, base_url: http://x}}
models:
  m:
    targets:
      spare: {provider: a, model: s, weight: 0}
      a: {model: x}
      b: {model: y}
""")
    picks = [
        decide(routing_request(strategy="round-robin", seed=str(number)), snapshot, Signals()).plan[0].target.model
        for number in range(9)
    ]
    assert picks == ["x"] * 9


def test_performance_explores_only_the_leading_priority() -> None:
    rows = {"local": measured_signal(50), "near": measured_signal(90, 3)}
    assert planned_providers(decision({"X-Routing-Strategy": "performance"}, rows, seed=EXPLORING))[0] == "near"
    assert planned_providers(decision({"X-Routing-Strategy": "performance"}, rows, seed=UNEXPLORED))[0] == "local"


def test_a_target_for_a_class_of_failure_alone_is_planned_last() -> None:
    snapshot = load_snapshot("""
providers: {a: {dialect: openai, base_url: http://x}, b: {dialect: openai, base_url: http://x}}
models: {m: {a: {model: x, only_after: [context_length]}, b: {model: y, priority: 9}}}
""")
    for strategy in STRATEGIES:
        assert planned_providers(decide(routing_request(strategy=strategy), snapshot, Signals())) == ["b", "a"]
