"""The cache is invisible in decisions, drops what is stale, and is bounded."""

from __future__ import annotations

from proxy.config.snapshot import Snapshot
from proxy.routing.decision import decide
from proxy.routing.decision_cache import ELIGIBILITY_CACHE_SIZE, DecisionCache
from proxy.telemetry.signals import Signals, SignalTable
from tests.files import load_snapshot
from tests.routing.fixtures import (
    WORLD,
    measured_signal,
    planned_locations,
    planned_providers,
    policy_from,
    routing_request,
    signals,
)

OTHER = load_snapshot("""
providers: {other: {dialect: openai, base_url: http://x}}
models: {m: {other: o}}
""")


def refreshed(snapshot: Snapshot = WORLD) -> DecisionCache:
    cache = DecisionCache()
    cache.refresh(snapshot, SignalTable())
    return cache


def test_requests_of_a_kind_share_their_eligible_targets() -> None:
    cache, first, second = refreshed(), routing_request(seed="1", prompt_tokens=9), routing_request(seed="2")
    assert cache.eligible_targets(first) is cache.eligible_targets(second)
    limited = routing_request(policy_from({"X-Provider": "google"}))
    assert cache.eligible_targets(limited) is not cache.eligible_targets(first)
    assert [target.provider.name for target in cache.eligible_targets(limited).targets] == ["google"]


def test_candidates_are_kept_for_each_window_until_the_signals_change() -> None:
    cache = refreshed()
    eligible = cache.eligible_targets(routing_request())
    kept = cache.candidates(eligible, 60.0)
    assert cache.candidates(eligible, 60.0) is kept
    assert cache.candidates(eligible, 300.0) is not kept
    cache.refresh(WORLD, SignalTable())
    assert cache.candidates(eligible, 60.0) is not kept
    assert cache.eligible_targets(routing_request()) is eligible


def test_a_new_snapshot_and_new_signals_change_the_next_decision() -> None:
    cache, request = DecisionCache(), routing_request(policy_from({"X-Routing-Strategy": "performance"}), seed="req-1")
    fast_google, fast_openai = {"google": measured_signal(1)}, {"openai@eu": measured_signal(1)}
    first = [
        planned_locations(decide(request, snapshot, signals(table), cache))[0]
        for snapshot, table in (
            (WORLD, fast_google),
            (WORLD, fast_openai),
            (OTHER, fast_openai),
            (WORLD, fast_google),
        )
    ]
    assert first == ["google@eu-west-2", "openai@eu-central-1", "other@global", "google@eu-west-2"]


def test_kinds_of_requests_are_bounded() -> None:
    cache = refreshed()
    first = cache.eligible_targets(routing_request(model="openai/m0"))
    for number in range(ELIGIBILITY_CACHE_SIZE):
        cache.candidates(cache.eligible_targets(routing_request(model=f"openai/m{number}")), 300.0)
    assert cache.eligible_targets(routing_request(model="openai/m0")) is first
    cache.eligible_targets(routing_request(model="openai/one-more"))
    assert cache.eligible_targets(routing_request(model="openai/m0")) is not first
    assert len(cache._eligible) == 2 and not cache._candidates


def test_unknown_models_are_not_kept() -> None:
    cache = DecisionCache()
    for headers in ({}, {"X-Provider": "google"}, {"X-Load-Balance-Strategy": "weighted"}):
        request = routing_request(policy_from(headers), model="x" * 1_000_000)
        assert decide(request, WORLD, signals({}), cache).plan == ()
    assert not cache._eligible


def test_a_rate_limited_provider_leaves_the_kept_candidates_as_they_are() -> None:
    cache, known = DecisionCache(), Signals()
    limited = Signals(known.table, limited_for_ms={"google": 200})
    assert planned_providers(decide(routing_request(), WORLD, limited, cache))[-1] == "google"
    assert all(each.available_in_ms == 0 for each in decide(routing_request(), WORLD, known, cache).plan)


def test_an_excluded_target_leaves_the_kept_candidates_as_they_are() -> None:
    cache, known = DecisionCache(), Signals()
    cheap = routing_request(policy_from({"X-Max-Cost-Per-Request": "0.0001"}), prompt_tokens=60)
    assert decide(cheap, WORLD, known, cache).plan == ()
    assert len(decide(routing_request(), WORLD, known, cache).plan) == 5
