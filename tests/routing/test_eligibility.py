"""Who may not serve is told why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from proxy.config.snapshot import Snapshot
from proxy.routing.decision import decide
from proxy.routing.eligibility import (
    ELIGIBILITY_CACHE_SIZE,
    eligible_targets,
    exclusion_reason,
    request_filters,
    unsupported_param,
)
from proxy.telemetry.signals import Signal
from tests.files import load_snapshot
from tests.routing.fixtures import (
    WORLD,
    decision_for,
    exclusion_reasons,
    planned_locations,
    planned_providers,
    policy_from,
    routing_request,
    signals,
)

EVERYBODY = ["openai@us-east-1", "openai@eu-central-1", "anthropic@us-west-2", "google@eu-west-2", "mistral@eu-west-3"]
NO_KEY = {"cohere@global": "disabled"}
CHAIN = '{"primary_provider":"google","fallback_rules":[{"provider":"openai"}]}'


def all_but(kept: str, reason: str) -> dict[str, str]:
    """That reason for all places whose name does not begin with one of these."""
    return {place: reason for place in EVERYBODY if not place.startswith(tuple(kept.split()))}


@pytest.mark.parametrize(
    ("headers", "facts", "excluded"),
    [
        ({}, {}, {}),
        ({"X-Provider": "openai,google"}, {}, all_but("openai google", "not_in_provider")),
        ({"X-Include-Providers": "openai"}, {}, all_but("openai", "not_in_include_providers")),
        ({"X-Exclude-Providers": "openai,google"}, {}, all_but("anthropic mistral", "in_exclude_providers")),
        ({"X-Provider-Fallbacks": "google,openai"}, {}, all_but("openai google", "not_in_provider_fallbacks")),
        ({"X-Failover-Config": CHAIN}, {}, all_but("openai google", "not_in_failover_config")),
        ({"X-Provider-Regions": "us-east-1,eu-west-3"}, {},
         all_but("openai@us mistral", "not_in_provider_regions")),
        ({"X-Data-Residency": "EU"}, {}, all_but("openai@eu mistral", "data_residency")),
        ({"X-Data-Residency": "UK"}, {}, all_but("google", "data_residency")),
        ({}, {"endpoint": "embeddings"}, all_but("openai", "endpoint_unsupported")),
        ({}, {"prompt_tokens": 150_000}, {"openai@us-east-1": "context_length", "openai@eu-central-1": "context_length"}),
        ({"X-Max-Cost-Per-Request": "100"}, {}, {"mistral@eu-west-3": "unknown_price"}),
        ({"X-Max-Cost-Per-Request": "0.0001"}, {"prompt_tokens": 60},
         {**dict.fromkeys(["openai@us-east-1", "openai@eu-central-1", "anthropic@us-west-2"], "over_cost"),
          "google@eu-west-2": "over_cost", "mistral@eu-west-3": "unknown_price"}),
        ({"X-Provider-Preference": "cohere,google"}, {}, {}),
        ({"X-Load-Balance-Providers": "openai"}, {}, {}),
    ],
)  # fmt: skip
def test_the_excluded_have_a_reason_and_the_others_serve(
    headers: dict[str, str], facts: dict[str, Any], excluded: dict[str, str]
) -> None:
    found = decision_for(headers, **facts)
    disabled = {"cohere@global": "not_in_failover_config"} if "X-Failover-Config" in headers else NO_KEY
    kept = {place: reason for place, reason in exclusion_reasons(found).items() if place != "cohere@global"}
    assert kept == excluded
    assert exclusion_reasons(found)["cohere@global"] == disabled["cohere@global"]
    assert sorted(planned_locations(found)) == sorted(set(EVERYBODY) - excluded.keys())


def test_hard_lists_intersect() -> None:
    found = decision_for({"X-Provider": "openai,google", "X-Exclude-Providers": "google", "X-Data-Residency": "EU"})
    assert planned_locations(found) == ["openai@eu-central-1"]


def test_a_provider_that_does_not_serve_the_model_is_an_exclusion_in_a_hard_list_and_nothing_in_a_soft_one() -> None:
    hard = decision_for({"X-Provider": "openai,google"}, model="only-openai")
    assert exclusion_reasons(hard)["google"] == "model_not_served"
    soft = decision_for({"X-Provider-Preference": "google"}, model="only-openai")
    assert exclusion_reasons(soft) == {} and len(soft.plan) == 2


NEEDY = load_snapshot("""
providers:
  plain: {dialect: openai, base_url: http://x}
  poor: {dialect: openai, base_url: http://x}
models: {m: {plain: p, poor: {model: q, unsupported: [tools, images, json_schema]}}}
""")


@pytest.mark.parametrize("need", ["tools", "images", "json_schema"])
def test_who_lacks_what_the_request_needs_is_left_out(need: str) -> None:
    found = decide(routing_request(needs=frozenset({need})), NEEDY, signals({}))
    assert (planned_locations(found), exclusion_reasons(found)) == (["plain@global"], {"poor@global": f"lacks_{need}"})


def test_a_prompt_is_held_against_the_context_as_the_target_counts_it() -> None:
    long = routing_request(prompt_tokens=90_000)
    assert not {"context_length"} & set(exclusion_reasons(decide(long, WORLD, signals({}))).values())
    found = decide(long, WORLD, signals({"openai@us": Signal(token_ratio=1.2)}))
    assert [place for place, why in exclusion_reasons(found).items() if why == "context_length"] == ["openai@us-east-1"]


def strict(file: Snapshot) -> Snapshot:
    return replace(file, strict_params=True)


def able(file: Snapshot, **body: Any) -> tuple[set[str], set[str]]:
    """The providers that may serve such a request, and the reasons of those that may not."""
    asking = structs.replace(routing_request(), body={"model": "m", "messages": [], **body})
    found = decide(asking, file, signals({}))
    return set(planned_providers(found)), set(exclusion_reasons(found).values()) - {"disabled"}


EVERY = {"openai", "anthropic", "google", "mistral"}


def test_a_strict_file_leaves_out_who_cannot_express_a_parameter() -> None:
    assert able(WORLD, verbosity="low") == able(strict(WORLD)) == (EVERY, set())
    assert able(strict(WORLD), verbosity="low", seed=-1) == (
        {"openai"},
        {"unsupported_params: verbosity, seed", "unsupported_params: verbosity"},
    )


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}}, "openai mistral"),
        ({"response_format": {"type": "json_object"}}, "openai mistral"),
        ({"n": 2}, "openai mistral"),
        ({"logprobs": True}, "openai mistral"),
        ({"modalities": ["text", "audio"], "audio": {"voice": "x"}}, "openai"),
        ({"web_search_options": {}}, "openai"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "openai"),
        ({"functions": [{"name": "f"}]}, "openai google"),
        ({"guided_json": {}}, "openai"),
    ],
)
def test_who_cannot_give_the_kind_of_answer_that_is_asked_for_is_left_out(body: dict[str, Any], left: str) -> None:
    serving, why = able(WORLD, **body)
    assert (serving, why) == (set(left.split()), {f"unsupported_params: {', '.join(body)}"})


def test_an_answer_of_the_usual_kind_is_for_every_provider() -> None:
    body = {"response_format": {"type": "text"}, "n": 1, "logprobs": False, "modalities": ["text"], "audio": None}
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert able(WORLD, **body, tools=tools, tool_choice="required", verbosity="low") == (EVERY, set())


def test_a_model_that_takes_no_demand_for_a_call_is_left_out_of_those() -> None:
    file = load_snapshot("""
providers: {anthropic: {dialect: anthropic, base_url: http://x}}
models: {m: {anthropic: claude-opus-5}, new: {anthropic: claude-opus-5-5}}
""")
    body = {"messages": [], "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required"}
    for model, why in (("m", {}), ("new", {"anthropic@global": "unsupported_params: tool_choice"})):
        asking = structs.replace(routing_request(model=model), body=body)
        assert exclusion_reasons(decide(asking, file, signals({}))) == why


def test_a_reason_names_ten_parameters_at_most_and_the_first_of_them_can_be_read_from_it() -> None:
    target = next(target for target in WORLD.targets("m") if target.provider.name == "anthropic")
    asking = structs.replace(routing_request(), body={"y" * 99: 1, **{f"x{number}": 1 for number in range(99)}})
    why = exclusion_reason(target, asking, Signal(), strict(WORLD)) or ""
    assert why == f"unsupported_params: {'y' * 64}, {', '.join(f'x{number}' for number in range(9))}"
    assert unsupported_param(why) == "y" * 64
    assert unsupported_param("over_cost") is None


def test_nothing_is_looked_at_that_nobody_asked_for() -> None:
    assert len(request_filters(routing_request(), WORLD)) == 0
    every = structs.replace(
        routing_request(policy_from({"X-Max-Cost-Per-Request": "1"}), prompt_tokens=10), body={"model": "m"}
    )
    assert len(request_filters(every, strict(WORLD))) == 3
    assert len(request_filters(routing_request(prompt_tokens=10_001), WORLD, least_context=100_000)) == 1
    assert len(request_filters(routing_request(prompt_tokens=10_000), WORLD, least_context=100_000)) == 0


def test_who_may_serve_is_worked_out_once_for_all_that_ask_alike() -> None:
    one, two = routing_request(seed="1", prompt_tokens=9), routing_request(seed="2")
    assert eligible_targets(one, WORLD) is eligible_targets(two, WORLD)
    assert eligible_targets(routing_request(policy_from({"X-Provider": "google"})), WORLD) is not eligible_targets(
        one, WORLD
    )


def test_what_was_worked_out_is_bounded() -> None:
    file = replace(WORLD)
    for number in range(ELIGIBILITY_CACHE_SIZE + 10):
        eligible_targets(routing_request(model=f"openai/m{number}"), file)
    assert len(file.memo) <= ELIGIBILITY_CACHE_SIZE


def test_names_that_nobody_serves_are_not_kept() -> None:
    file = replace(WORLD)
    for headers in ({}, {"X-Provider": "google"}, {"X-Load-Balance-Strategy": "weighted"}):
        decide(routing_request(policy_from(headers), model="x" * 1_000_000), file, signals({}))
    assert not file.memo


@pytest.mark.parametrize(
    ("headers", "why"),
    [({}, None), ({"X-Provider": "google"}, "not_in_provider"), ({"X-Data-Residency": "EU"}, "data_residency")],
)
def test_one_target_alone_has_the_same_reason(headers: dict[str, str], why: str | None) -> None:
    target = WORLD.targets("m")[0]
    assert exclusion_reason(target, routing_request(policy_from(headers)), Signal(), WORLD) == why
