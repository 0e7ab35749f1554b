"""The plan has the targets that may serve, in order, and the reasons of the others."""

from __future__ import annotations

from collections import Counter

import orjson
import pytest
from msgspec.structs import replace

from proxy.config.snapshot import Snapshot
from proxy.routing.decision import Decision, decide
from proxy.telemetry.signals import Signal, Signals, SignalTable
from tests.files import load_snapshot, weighted_providers
from tests.routing.fixtures import (
    WORLD,
    decision_for,
    measured_signal,
    planned_locations,
    planned_providers,
    policy_from,
    routing_request,
    signals,
)

FOUR = weighted_providers({"a": 50, "b": 25, "c": 25, "z": 0})
REGIONS = weighted_providers({"a": 50, "b": 50}, {"a": ("r1", "r2", "r3", "r4"), "b": ("r1",)})


def plan(seed: str, snapshot: Snapshot = FOUR, **headers: str) -> Decision:
    """Return the decision without any signals."""
    policy = policy_from({name.replace("_", "-"): text for name, text in headers.items()}, snapshot)
    return decide(routing_request(policy, seed=seed), snapshot, Signals())


def test_shares_follow_the_weights_and_weight_0_comes_last() -> None:
    plans = [planned_providers(plan(f"req-{number}")) for number in range(10_000)]
    first = Counter(order[0] for order in plans)
    assert all(abs(first[name] / 10_000 - share) < 0.02 for name, share in zip("abc", (0.5, 0.25, 0.25), strict=True))
    assert {order[-1] for order in plans} == {"z"}


def test_regions_do_not_change_a_providers_share() -> None:
    first = Counter(planned_locations(plan(f"req-{number}", REGIONS))[0] for number in range(10_000))
    assert abs(first["b@r1"] / 10_000 - 0.5) < 0.02
    assert all(abs(first[f"a@r{number}"] / 10_000 - 0.125) < 0.02 for number in range(1, 5))


def test_decisions_depend_on_the_seed_alone() -> None:
    assert plan("req-1") == plan("req-1")
    assert len({tuple(planned_providers(plan(f"req-{number}"))) for number in range(100)}) == 6


def test_if_all_targets_are_unavailable_the_order_is_the_usual_one() -> None:
    down = {target.id: Signal(1 + number) for number, target in enumerate(FOUR.targets("m"))}
    found, usual = decide(routing_request(), FOUR, Signals(SignalTable(down))), plan("req-1")
    assert [(step.target, step.score) for step in found.plan] == [(step.target, step.score) for step in usual.plan]


def test_a_weight_is_divided_only_among_eligible_targets() -> None:
    assert plan("req-1", REGIONS).plan[0].score != 0
    alone = decision_for({"X-Provider-Regions": "us-east-1", "X-Provider": "openai"}).plan[0].score
    shared = {step.target.region: step.score for step in decision_for({"X-Provider": "openai"}).plan}
    assert alone * 2 == pytest.approx(shared["us-east-1"])


def test_an_unknown_model_has_an_empty_plan() -> None:
    assert decide(routing_request(model="unknown"), FOUR, Signals()) == Decision("unknown", "automatic")


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({}, "automatic"),
        ({"X-Routing-Strategy": "geographic"}, "geographic"),
        ({"X-Routing-Strategy": "geographic", "X-Load-Balance-Strategy": "weighted"}, "weighted"),
        ({"X-Provider-Weights": '{"openai":1}'}, "weighted"),
        ({"X-Load-Balance-Providers": "openai"}, "round-robin"),
    ],
)
def test_a_decision_names_the_strategy_or_balancing_mode(headers: dict[str, str], named: str) -> None:
    assert decision_for(headers).strategy == named


@pytest.mark.parametrize(
    ("window", "seconds"), [("10s", 10), ("11s", 15), ("1m", 60), ("61s", 120), ("90s", 120), ("60m", 3600)]
)
def test_the_reported_window_is_the_rounded_one(window: str, seconds: int) -> None:
    assert decision_for({"X-Performance-Window": window}).as_json()["window_s"] == seconds


class Windows(SignalTable):
    """Records the window of each lookup."""

    seen: list[float] = []

    def get(self, target: str, window: float = 0.0) -> Signal:
        self.seen.append(window)
        return Signal()


def test_targets_are_measured_over_the_requested_window() -> None:
    table = Windows()
    decide(routing_request(policy_from({"X-Performance-Window": "10m", "X-Provider": "google"})), WORLD, Signals(table))
    assert table.seen == [600.0]


@pytest.mark.parametrize(
    ("ceiling", "clamps"),
    [
        ("1", {"openai": None, "anthropic": None, "google": None}),
        ("0.01", {"openai": 1000, "anthropic": 466, "google": 2250}),
        ("0.0031", {"openai": 137, "google": 525}),
        ("0.0011", {"google": 25}),
    ],
)
def test_answers_are_clamped_to_the_ceiling_and_targets_over_it_excluded(
    ceiling: str, clamps: dict[str, int | None]
) -> None:
    found = decision_for({"X-Max-Cost-Per-Request": ceiling}, prompt_tokens=1000)
    assert {step.target.provider.name: step.max_tokens for step in found.plan} == clamps
    found_json = {step["provider"]: step.get("max_tokens") for step in found.as_json()["plan"]}
    assert found_json == clamps


def test_a_decision_has_a_pick_only_if_it_decided_the_first_place() -> None:
    assert decision_for({"X-Load-Balance-Strategy": "round-robin"}).pick is not None
    for headers in ({}, {"X-Load-Balance-Strategy": "round-robin", "X-Provider-Fallbacks": "openai"}):
        assert decision_for(headers).pick is None


MAPPED = '{"primary_provider":"google","fallback_rules":[{"provider":"openai","model_mapping":{"m":"only-openai"}}]}'


def test_a_failover_config_may_map_the_model() -> None:
    file = load_snapshot("""
providers:
  openai: {dialect: openai, base_url: http://x}
  google: {dialect: google, base_url: http://x}
models: {m: {google: g, openai: o}, only-openai: {openai: other}}
""")
    found = decide(routing_request(policy_from({"X-Failover-Config": MAPPED}, file)), file, Signals())
    assert [step.target.model for step in found.plan] == ["g", "other"]
    assert [(each.target, each.reason) for each in found.excluded] == [("openai@global/o", "not_in_failover_config")]


def test_a_decision_serializes_to_json() -> None:
    snapshot = load_snapshot("""
providers:
  a: {dialect: openai, base_url: http://x, regions: {eu: {}}, weight: 0}
  b: {dialect: openai, base_url: http://x, api_key: "${UNSET}"}
models: {m: {a: up, b: up}}
""")
    found_json = decide(
        routing_request(policy_from({"X-Routing-Strategy": "automatic"}, snapshot)), snapshot, Signals()
    ).as_json()
    assert orjson.loads(orjson.dumps(found_json)) == {
        "model": "m",
        "strategy": "automatic",
        "window_s": 300,
        "plan": [
            {
                "target": "a@eu/up",
                "provider": "a",
                "region": "eu",
                "model": "up",
                "score": None,
                "priority": 0,
                "weight": 0.0,
            }
        ],
        "excluded": [{"target": "b@global/up", "provider": "b", "reason": "disabled"}],
    }


def test_signals_change_the_order_alone() -> None:
    rows = {"openai": measured_signal(900, degraded=True), "google": measured_signal(10)}
    with_signals = decide(routing_request(), WORLD, signals(rows, {"openai": 9}))
    assert sorted(planned_locations(with_signals)) == sorted(
        planned_locations(decide(routing_request(), WORLD, Signals()))
    )


def test_a_rate_limited_provider_comes_after_the_others() -> None:
    request = routing_request(policy_from({"X-Provider-Preference": "google"}))
    found = decide(request, WORLD, replace(signals({}), limited_for_ms={"google": 200}))
    assert planned_providers(found)[-1] == "google" and len(found.plan) == 5
    assert [step.get("available_in_ms") for step in found.as_json()["plan"]] == [None] * 4 + [200]
