"""Excluded targets have a reason; all others are in the plan."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

import pytest
from msgspec import structs

from proxy.config.snapshot import Snapshot
from proxy.routing.cost_ceiling import Admission
from proxy.routing.decision import decide
from proxy.routing.eligibility import request_check, static_exclusion, unsupported_param
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

ALL_TARGETS = [
    "openai@us-east-1",
    "openai@eu-central-1",
    "anthropic@us-west-2",
    "google@eu-west-2",
    "mistral@eu-west-3",
]
NO_KEY = {"cohere@global": "disabled"}
CHAIN = '{"primary_provider":"google","fallback_rules":[{"provider":"openai"}]}'


def all_but(kept: str, reason: str) -> dict[str, str]:
    """Return that reason for all targets but those with one of these prefixes."""
    return {target: reason for target in ALL_TARGETS if not target.startswith(tuple(kept.split()))}


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
        ({}, {"endpoint": "embeddings"}, all_but("openai google mistral", "endpoint_unsupported")),
        ({}, {"prompt_tokens": 150_000}, {"openai@us-east-1": "context_length", "openai@eu-central-1": "context_length"}),
        ({"X-Max-Cost-Per-Request": "100"}, {}, {"mistral@eu-west-3": "unknown_price"}),
        ({"X-Max-Cost-Per-Request": "0.0001"}, {"prompt_tokens": 60},
         {**dict.fromkeys(["openai@us-east-1", "openai@eu-central-1", "anthropic@us-west-2"], "over_cost"),
          "google@eu-west-2": "over_cost", "mistral@eu-west-3": "unknown_price"}),
        ({"X-Provider-Preference": "cohere,google"}, {}, {}),
        ({"X-Load-Balance-Providers": "openai"}, {}, {}),
    ],
)  # fmt: skip
def test_excluded_targets_have_a_reason_and_the_others_serve(
    headers: dict[str, str], facts: dict[str, Any], excluded: dict[str, str]
) -> None:
    found = decision_for(headers, **facts)
    disabled = {"cohere@global": "not_in_failover_config"} if "X-Failover-Config" in headers else NO_KEY
    kept = {target: reason for target, reason in exclusion_reasons(found).items() if target != "cohere@global"}
    assert kept == excluded
    assert exclusion_reasons(found)["cohere@global"] == disabled["cohere@global"]
    assert sorted(planned_locations(found)) == sorted(set(ALL_TARGETS) - excluded.keys())


def test_hard_lists_intersect() -> None:
    found = decision_for({"X-Provider": "openai,google", "X-Exclude-Providers": "google", "X-Data-Residency": "EU"})
    assert planned_locations(found) == ["openai@eu-central-1"]


def test_a_provider_without_the_model_is_excluded_by_a_hard_list_and_ignored_in_a_soft_one() -> None:
    hard = decision_for({"X-Provider": "openai,google"}, model="only-openai")
    assert exclusion_reasons(hard)["google"] == "model_not_served"
    soft = decision_for({"X-Provider-Preference": "google"}, model="only-openai")
    assert exclusion_reasons(soft) == {} and len(soft.plan) == 2


CAPABILITIES = load_snapshot("""
providers:
  plain: {dialect: openai, base_url: http://x}
  poor: {dialect: openai, base_url: http://x}
models: {m: {plain: p, poor: {model: q, unsupported: [tools, images, json_schema]}}}
""")


@pytest.mark.parametrize("need", ["tools", "images", "json_schema"])
def test_a_target_that_lacks_a_needed_capability_is_excluded(need: str) -> None:
    found = decide(routing_request(needs=frozenset({need})), CAPABILITIES, signals({}))
    assert (planned_locations(found), exclusion_reasons(found)) == (["plain@global"], {"poor@global": f"lacks_{need}"})


def test_the_prompt_is_compared_with_the_context_window_as_the_target_counts_tokens() -> None:
    long = routing_request(prompt_tokens=90_000)
    assert not {"context_length"} & set(exclusion_reasons(decide(long, WORLD, signals({}))).values())
    found = decide(long, WORLD, signals({"openai@us": Signal(token_ratio=1.2)}))
    assert [target for target, why in exclusion_reasons(found).items() if why == "context_length"] == [
        "openai@us-east-1"
    ]


def strict(file: Snapshot) -> Snapshot:
    return replace(file, strict_params=True)


def serving_and_reasons(file: Snapshot, **body: Any) -> tuple[set[str], set[str]]:
    """Return the providers that may serve a request with that body, and the reasons of the others."""
    request = structs.replace(routing_request(), body={"model": "m", "messages": [], **body})
    found = decide(request, file, signals({}))
    return set(planned_providers(found)), set(exclusion_reasons(found).values()) - {"disabled"}


ALL_PROVIDERS = {"openai", "anthropic", "google", "mistral"}


def test_strict_params_excludes_targets_that_cannot_express_a_parameter() -> None:
    assert serving_and_reasons(WORLD, verbosity="low") == serving_and_reasons(strict(WORLD)) == (ALL_PROVIDERS, set())
    assert serving_and_reasons(strict(WORLD), verbosity="low", seed=-1) == (
        {"openai"},
        {"unsupported_params: verbosity, seed", "unsupported_params: verbosity"},
    )


def test_json_without_a_schema_excludes_no_target() -> None:
    assert serving_and_reasons(WORLD, response_format={"type": "json_object"}) == (ALL_PROVIDERS, set())


@pytest.mark.parametrize(
    ("body", "eligible"),
    [
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}}, "openai mistral"),
        ({"n": 2}, "openai mistral"),
        ({"logprobs": True}, "openai mistral"),
        ({"modalities": ["text", "audio"], "audio": {"voice": "x"}}, "openai"),
        ({"tools": [{"type": "web_search"}]}, "openai"),
        ({"guided_json": {}}, "openai"),
    ],
)
def test_targets_that_cannot_express_an_essential_parameter_are_excluded(body: dict[str, Any], eligible: str) -> None:
    serving, why = serving_and_reasons(WORLD, **body)
    assert (serving, why) == (set(eligible.split()), {f"unsupported_params: {', '.join(body)}"})


def test_default_values_of_essential_parameters_exclude_no_target() -> None:
    body = {"response_format": {"type": "text"}, "n": 1, "logprobs": False, "modalities": ["text"], "audio": None}
    tools = [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}]
    assert serving_and_reasons(WORLD, **body, tools=tools, tool_choice="required", verbosity="low") == (
        ALL_PROVIDERS,
        set(),
    )


def test_a_model_that_rejects_required_tool_choice_is_excluded_from_such_requests() -> None:
    file = load_snapshot("""
providers: {anthropic: {dialect: anthropic, base_url: http://x}}
models: {m: {anthropic: claude-opus-5}, new: {anthropic: claude-opus-5-5}}
""")
    body = {"messages": [], "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required"}
    for model, why in (("m", {}), ("new", {"anthropic@global": "unsupported_params: tool_choice"})):
        request = structs.replace(routing_request(model=model), body=body)
        assert exclusion_reasons(decide(request, file, signals({}))) == why


def test_a_family_decides_what_a_target_can_express_and_dropped_parameters_do_not_exclude_it() -> None:
    file = load_snapshot("""
providers: {anthropic: {dialect: anthropic, base_url: http://x}}
models:
  own: {anthropic: {model: deployment, family: claude-opus-5-5}}
  dropped: {anthropic: {model: deployment, family: claude-opus-5-5, params: {drop: [tool_choice]}}}
""")
    body = {"messages": [], "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required"}
    for model, why in (("own", {"anthropic@global": "unsupported_params: tool_choice"}), ("dropped", {})):
        request = structs.replace(routing_request(model=model), body=body)
        assert exclusion_reasons(decide(request, file, signals({}))) == why


def test_a_reason_names_at_most_ten_parameters_of_which_the_first_can_be_parsed() -> None:
    target = next(target for target in WORLD.targets("m") if target.provider.name == "anthropic")
    request = structs.replace(routing_request(), body={"y" * 99: 1, **{f"x{number}": 1 for number in range(99)}})
    check = request_check(request, strict(WORLD))
    assert check is not None
    reason = check(target, Signal()).exclusion or ""
    assert reason == f"unsupported_params: {'y' * 64}, {', '.join(f'x{number}' for number in range(9))}"
    assert unsupported_param(reason) == "y" * 64
    assert unsupported_param("over_cost") is None


@pytest.mark.parametrize(
    ("facts", "min_context_window"),
    [({}, 0), ({"prompt_tokens": 10_000}, 100_000), ({"prompt_tokens": 10**6}, inf)],
)
def test_no_target_is_checked_if_all_of_them_pass(facts: dict[str, int], min_context_window: float) -> None:
    assert request_check(routing_request(**facts), WORLD, min_context_window) is None


def test_targets_are_checked_if_the_prompt_may_exceed_a_context_window() -> None:
    check = request_check(routing_request(prompt_tokens=10_001), WORLD, 100_000)
    assert check is not None
    openai = WORLD.targets("m")[0]
    assert check(openai, Signal(token_ratio=9.9)) == Admission()
    assert check(openai, Signal(token_ratio=10.0)) == Admission("context_length")


def test_only_the_longest_of_several_inputs_has_to_fit_into_the_context_window() -> None:
    target = WORLD.targets("m")[0]
    for tokens, reason in ((10, None), (10**7, "context_length")):
        request = routing_request(endpoint="embeddings", prompt_tokens=10**7, longest_input_tokens=tokens)
        check = request_check(structs.replace(request, body={"input": ["a"]}), WORLD, 100_000)
        assert check is not None and check(target, Signal()).exclusion == reason


@pytest.mark.parametrize(
    ("body", "reason", "param"),
    [
        ({"input": [1, 2]}, "unsupported_params: input (token numbers)", "input"),
        ({"input": "a", "dimensions": 8}, "unsupported_params: dimensions", "dimensions"),
        ({"input": "a", "odd": 1}, None, None),
    ],
)
def test_targets_that_would_give_other_vectors_are_excluded(
    body: dict[str, Any], reason: str | None, param: str | None
) -> None:
    file = load_snapshot("""
providers: {cohere: {dialect: cohere, base_url: http://x}}
models: {m: {cohere: embed-english-v3.0}}
""")
    for facts in ({"endpoint": "embeddings"}, {"endpoint": "embed_content", "hub_endpoint": "embeddings"}):
        request = structs.replace(routing_request(model="m", **facts), body=body)
        assert exclusion_reasons(decide(request, file, signals({}))) == ({"cohere@global": reason} if reason else {})
    assert unsupported_param(reason or "") == param


def test_of_several_reasons_the_first_is_context_window_then_cost_then_parameters() -> None:
    policy = policy_from({"X-Max-Cost-Per-Request": "0.0001"})
    target = WORLD.targets("m")[2]
    request = structs.replace(routing_request(policy, prompt_tokens=300_000), body={"verbosity": "low", "seed": -1})
    for facts, reason in (
        (request.facts, "context_length"),
        (structs.replace(request.facts, prompt_tokens=60), "over_cost"),
        (structs.replace(request.facts, prompt_tokens=0, max_tokens=1), "unsupported_params: verbosity, seed"),
    ):
        check = request_check(structs.replace(request, facts=facts), strict(WORLD))
        assert check is not None and check(target, Signal()).exclusion == reason


@pytest.mark.parametrize(
    ("headers", "reason"),
    [({}, None), ({"X-Provider": "google"}, "not_in_provider"), ({"X-Data-Residency": "EU"}, "data_residency")],
)
def test_a_single_target_has_the_reason_that_the_decision_gives(headers: dict[str, str], reason: str | None) -> None:
    target = WORLD.targets("m")[0]
    assert static_exclusion(target, routing_request(policy_from(headers))) == reason
