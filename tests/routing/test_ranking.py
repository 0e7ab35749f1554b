"""Available targets come before unavailable ones, and what the request names before the strategy's order."""

from __future__ import annotations

import pytest

from proxy.routing.decision import decide
from proxy.routing.ranking import provider_chain
from proxy.telemetry.signals import Signal, Signals
from tests.files import load_snapshot
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

DOWN = Signal(available_in_ms=1000)
CHEAPEST = {"X-Routing-Strategy": "cost-optimized"}
"""google, openai, openai, anthropic, mistral."""
FAILOVER = '{"primary_provider":"google","fallback_rules":[{"provider":"openai"}]}'


@pytest.mark.parametrize(
    ("headers", "order"),
    [
        ({}, "google openai openai anthropic mistral"),
        ({"X-Provider-Preference": "mistral,anthropic"}, "mistral anthropic google openai openai"),
        ({"X-Provider-Preference": "openai"}, "openai openai google anthropic mistral"),
        ({"X-Provider-Preference": "openai,google"}, "openai google openai anthropic mistral"),
        ({"X-Provider-Preference": "cohere,anthropic"}, "anthropic google openai openai mistral"),
        ({"X-Provider-Fallbacks": "anthropic,openai,google"}, "anthropic openai google openai"),
        ({"X-Provider-Fallbacks": "anthropic,google", "X-Provider-Preference": "google"}, "anthropic google"),
        ({"X-Failover-Config": FAILOVER}, "google openai openai"),
        ({"X-Failover-Config": FAILOVER, "X-Provider-Fallbacks": "openai,google"}, "google openai openai"),
        ({"X-Provider": "anthropic,openai"}, "openai openai anthropic"),
    ],
)
def test_a_chain_puts_the_best_target_of_each_provider_first(headers: dict[str, str], order: str) -> None:
    assert planned_providers(decision_for({**CHEAPEST, **headers}, prompt_tokens=9)) == order.split()


TWO_REGIONS = load_snapshot("""
providers:
  a: {dialect: openai, base_url: http://x, regions: {r1: {}, r2: {}, r3: {}}}
  b: {dialect: openai, base_url: http://x, regions: {r1: {}, r2: {}}}
  c: {dialect: openai, base_url: http://x, regions: {r1: {}, r2: {}}}
models:
  m:
    a: {model: up, price: {input: 1, output: 1}}
    b: {model: up, price: {input: 2, output: 2}}
    c: {model: up, price: {input: 3, output: 3}}
""")


@pytest.mark.parametrize(
    ("headers", "order"),
    [
        ({"X-Provider-Fallbacks": "b,a"}, "b@r1 a@r1 b@r2 a@r2 a@r3"),
        ({"X-Provider-Fallbacks": "c,b,a"}, "c@r1 b@r1 a@r1 c@r2 b@r2 a@r2 a@r3"),
        ({"X-Provider-Preference": "c,b"}, "c@r1 b@r1 c@r2 b@r2 a@r1 a@r2 a@r3"),
        ({}, "a@r1 a@r2 a@r3 b@r1 b@r2 c@r1 c@r2"),
    ],
)
def test_further_regions_follow_the_chain_in_its_order(headers: dict[str, str], order: str) -> None:
    request = routing_request(policy_from({**CHEAPEST, **headers}, TWO_REGIONS), prompt_tokens=9)
    assert planned_locations(decide(request, TWO_REGIONS, Signals())) == order.split()


@pytest.mark.parametrize(
    ("headers", "down", "order"),
    [
        ({}, ["google"], "openai openai anthropic mistral google"),
        ({"X-Provider-Preference": "google"}, ["google"], "openai openai anthropic mistral google"),
        ({"X-Provider-Fallbacks": "google,mistral,openai"}, ["google"], "mistral openai openai google"),
        ({"X-Provider-Preference": "openai,google"}, ["openai@us"], "openai google anthropic mistral openai"),
        ({"X-Provider-Preference": "mistral"}, ["m", "o", "a", "g"], "mistral google openai openai anthropic"),
    ],
)
def test_unavailable_targets_come_after_all_available_ones(
    headers: dict[str, str], down: list[str], order: str
) -> None:
    rows = dict.fromkeys(down, DOWN)
    assert planned_providers(decision_for({**CHEAPEST, **headers}, rows, prompt_tokens=9)) == order.split()


@pytest.mark.parametrize(
    ("limit", "order"),
    [
        ("1", "google openai openai anthropic mistral"),
        ("150", "anthropic google openai openai mistral"),
        ("250", "openai openai anthropic google mistral"),
        ("300", "google openai openai anthropic mistral"),
    ],
)
def test_targets_slower_than_the_latency_limit_come_after_the_others(limit: str, order: str) -> None:
    rows = {"google": measured_signal(300), "openai": measured_signal(200), "anthropic": measured_signal(100)}
    assert (
        planned_providers(decision_for({**CHEAPEST, "X-Max-Latency-Ms": limit}, rows, prompt_tokens=9)) == order.split()
    )


def test_the_latency_limit_holds_for_streams_and_for_whole_responses() -> None:
    rows = {"google": measured_signal(300)}
    for stream in (True, False):
        found = decision_for({**CHEAPEST, "X-Max-Latency-Ms": "200"}, rows, prompt_tokens=9, stream=stream)
        assert planned_providers(found)[-2:] == ["google", "mistral"]


@pytest.mark.parametrize(
    ("headers", "sticky", "order"),
    [
        ({}, "mistral", "mistral google openai openai anthropic"),
        ({"X-Load-Balance-Strategy": "round-robin"}, "mistral", "mistral google openai openai anthropic"),
        ({"X-Provider-Preference": "anthropic"}, "mistral", "anthropic mistral google openai openai"),
        ({"X-Provider-Fallbacks": "anthropic,mistral"}, "mistral", "anthropic mistral"),
        ({"X-Provider": "google,openai"}, "mistral", "google openai openai"),
    ],
)
def test_a_session_stays_at_its_target_unless_the_request_forbids_it(
    headers: dict[str, str], sticky: str, order: str
) -> None:
    target = next(target.id for target in WORLD.targets("m") if target.provider.name == sticky)
    found = decide(
        routing_request(policy_from({**CHEAPEST, **headers}), prompt_tokens=9), WORLD, signals({}, sticky_target=target)
    )
    assert planned_providers(found) == order.split()
    assert found.pick is None


def test_a_session_keeps_its_region_inside_a_chain() -> None:
    request = routing_request(policy_from({**CHEAPEST, "X-Provider-Preference": "openai"}))
    for target in WORLD.targets("only-openai"):
        assert decide(request, WORLD, signals({}, sticky_target=target.id)).plan[0].target.id == target.id


def test_a_session_leaves_an_unavailable_target() -> None:
    target = WORLD.targets("m")[0]
    found = decide(routing_request(policy_from(CHEAPEST)), WORLD, signals({"openai": DOWN}, sticky_target=target.id))
    assert planned_providers(found)[0] == "google"


@pytest.mark.parametrize(
    ("region", "rows", "first"),
    [
        ("us-west-2", {}, "openai@us-east-1"),
        ("eu-west-1", {}, "openai@eu-central-1"),
        ("us-west-2", {"openai@us": DOWN}, "openai@eu-central-1"),
    ],
)
def test_a_pick_goes_to_the_nearest_available_target_of_its_provider(
    region: str, rows: dict[str, Signal], first: str
) -> None:
    headers = {"X-Provider-Weights": '{"openai":1}', "X-User-Region": region}
    assert planned_locations(decision_for({**CHEAPEST, **headers}, rows, {"openai@us": 50}))[0] == first


@pytest.mark.parametrize(("at_us", "at_eu", "first"), [(2, 1, "eu-central-1"), (1, 2, "us-east-1")])
def test_among_equally_near_targets_a_pick_goes_to_the_least_busy(at_us: int, at_eu: int, first: str) -> None:
    in_flight = {"openai@us": at_us, "openai@eu": at_eu}
    assert decision_for({"X-Provider-Weights": '{"openai":1}'}, {}, in_flight).plan[0].target.region == first


def test_after_the_pick_come_balanced_providers_and_last_the_others() -> None:
    headers = {"X-Load-Balance-Providers": "mistral,anthropic"}
    found = planned_providers(decision_for({**CHEAPEST, **headers}, prompt_tokens=9))
    assert found == ["mistral", "anthropic", "google", "openai", "openai"]


def test_a_chain_without_an_available_target_leaves_the_pick_to_the_balancer() -> None:
    balanced = {"X-Load-Balance-Strategy": "round-robin"}
    assert decision_for({**balanced, "X-Provider-Preference": "cohere"}).pick is not None
    assert decision_for({**balanced, "X-Provider-Preference": "google"}, {"google": DOWN}).pick is not None
    assert decision_for({**balanced, "X-Provider-Preference": "google"}).pick is None


@pytest.mark.parametrize(
    ("headers", "providers"),
    [
        ({}, ()),
        ({"X-Provider": "openai,google"}, ()),
        ({"X-Provider-Preference": "google,openai"}, ()),
        ({"X-Provider-Preference": "google", "X-Provider-Fallbacks": "openai"}, ("openai",)),
        ({"X-Provider-Fallbacks": "openai", "X-Failover-Config": FAILOVER}, ("google", "openai")),
    ],
)
def test_the_chain_is_that_of_the_failover_config_else_that_of_the_fallbacks(
    headers: dict[str, str], providers: tuple[str, ...]
) -> None:
    assert provider_chain(policy_from(headers)) == providers
