"""Policies of the file and of the request hold together: constraints of all levels, otherwise the nearest level."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.config.plain_values import NO_POLICY, PolicyWords
from proxy.config.snapshot import Snapshot
from proxy.errors import InvalidHeaderError
from proxy.routing.decision import decide
from proxy.routing.policy import Policy, control_headers_from_body, parse_policy
from proxy.routing.policy_levels import conflict_text, policy_errors, policy_for, reason_levels
from proxy.telemetry.signals import Signals
from tests.files import load_snapshot
from tests.routing.fixtures import planned_providers, routing_request

FILE = """
providers:
  a: {dialect: openai, base_url: http://x, regions: {us-east-1: {}, eu-west-1: {}}}
  b: {dialect: openai, base_url: http://x, regions: {eu-west-1: {}}}
  c: {dialect: openai, base_url: http://x}
defaults: {policy: DEFAULTS}
models:
  m: {targets: {a: x, b: y, c: z}, policy: MODEL}
  plain: {a: x, b: y, c: z}
"""


def snapshot(defaults: str = "{}", model: str = "{}") -> Snapshot:
    return load_snapshot(FILE.replace("DEFAULTS", defaults).replace("MODEL", model))


def combined(*levels: dict[str, Any] | None, model: str = "m") -> Policy:
    """Return the policy of these levels: defaults, model, key, request."""
    defaults, of_model, key, request = (*levels, None, None, None, None)[:4]
    loaded = snapshot(str(defaults or {}), str(of_model or {}))
    headers = control_headers_from_body(request or {})
    return policy_for(model, headers, loaded, key=PolicyWords("key", key) if key else NO_POLICY)


ONE = ({"provider": ["a", "b"]}, None, {"provider": ["b", "c"]})


@pytest.mark.parametrize(
    ("levels", "member", "value", "sources"),
    [
        (ONE, "provider", ("b",), ("defaults", "key")),
        ((None, {"include_providers": ["a", "b"]}, None, {"include_providers": "b,c"}), "include_providers", ("b",),
         ("model", "request")),
        (({"exclude_providers": ["a"]}, {"exclude_providers": ["b"]}, None, {"exclude_providers": ["a"]}),
         "exclude_providers", ("a", "b"), ("defaults", "model", "request")),
        (({"provider_regions": ["us-east-1", "eu-west-1"]}, None, None, {"provider_regions": ["eu-west-1"]}),
         "provider_regions", ("eu-west-1",), ("defaults", "request")),
        (({"data_residency": "EU"}, None, None, {"data_residency": "eu"}), "data_residency", "EU",
         ("defaults", "request")),
        (({"max_cost_per_request": 0.1}, {"max_cost_per_request": 0.5}, None, {"max_cost_per_request": 9}),
         "max_cost_per_request", 0.1, ("defaults", "model", "request")),
        (({"max_provider_retries": 3}, {"max_provider_retries": 1}, None, {"max_provider_retries": 5}),
         "max_provider_retries", 1, ("defaults", "model", "request")),
        (({"retry_on_provider_error": False}, None, None, {"retry_on_provider_error": True}),
         "retry_on_provider_error", False, ("defaults", "request")),
        (({"routing_strategy": "performance"}, {"routing_strategy": "cost-optimized"}), "routing_strategy",
         "cost-optimized", ("model",)),
        (({"routing_strategy": "performance"}, None, {"routing_strategy": "weighted"}, {"routing_strategy": "automatic"}),
         "routing_strategy", "automatic", ("request",)),
        (({"provider_preference": ["a"]}, None, {"provider_preference": ["b"]}), "provider_preference", ("b",), ("key",)),
        (({"performance_window": "10m"}, None, None, {"performance_window": "5m"}), "performance_window", 300.0,
         ("request",)),
        (({"max_latency_ms": 500},), "max_latency_ms", 500.0, ("defaults",)),
        (({"route_explain": True}, None, None, {"route_explain": False}), "route_explain", False, ("request",)),
        (({"provider_weights": {"a": 7, "b": 3}},), "provider_weights", (("a", 7), ("b", 3)), ("defaults",)),
    ],
)  # fmt: skip
def test_constraints_combine_and_of_the_others_the_nearest_level_counts(
    levels: tuple[dict[str, Any] | None, ...], member: str, value: Any, sources: tuple[str, ...]
) -> None:
    policy = combined(*levels)
    assert getattr(policy, member) == value
    assert policy.sources[member] == sources and policy.conflicts == ()


@pytest.mark.parametrize(
    ("levels", "kept", "replaced"),
    [
        (({"failover_config": {"primary_provider": "a"}}, None, None, {"provider_fallbacks": "b,c"}),
         {"provider_fallbacks": ("b", "c")}, {"failover_config": None}),
        (({"provider_fallbacks": ["b"]}, None, {"failover_config": {"primary_provider": "a"}}),
         {}, {"provider_fallbacks": ()}),
        (({"provider_weights": {"a": 1}}, None, None, {"routing_strategy": "cost-optimized"}),
         {"routing_strategy": "cost-optimized"}, {"provider_weights": ()}),
        (({"load_balance_strategy": "round-robin", "routing_strategy": "performance"},),
         {"load_balance_strategy": "round-robin", "routing_strategy": "performance"}, {}),
    ],
)  # fmt: skip
def test_a_nearer_choice_replaces_all_of_its_kind(
    levels: tuple[dict[str, Any] | None, ...], kept: dict[str, Any], replaced: dict[str, Any]
) -> None:
    policy = combined(*levels)
    found = {name: getattr(policy, name) for name in (*kept, *replaced)}
    assert found == kept | replaced and policy.sources.keys() >= kept.keys()
    assert policy.sources.keys().isdisjoint(replaced)


CONFLICTS = [
    (({"provider": ["a"]}, None, {"provider": ["b"]}), "provider of defaults and key"),
    ((None, {"include_providers": ["a"]}, None, {"include_providers": ["b"]}), "include_providers of model and request"),
    (({"data_residency": "EU"}, None, None, {"data_residency": "US"}), "data_residency of defaults and request"),
    (({"provider_regions": ["us-east-1"]}, {"provider_regions": ["eu-west-1"]}, {"provider_regions": ["us-east-1"]}),
     "provider_regions of defaults and model and key"),
]  # fmt: skip


@pytest.mark.parametrize(("levels", "text"), CONFLICTS)
def test_levels_that_nothing_satisfies_exclude_every_target(
    levels: tuple[dict[str, Any] | None, ...], text: str
) -> None:
    policy = combined(*levels)
    assert conflict_text(policy) == text
    decision = decide(routing_request(policy), snapshot(), Signals())
    assert decision.plan == () and {each.reason for each in decision.excluded} == {"policy_conflict"}


def test_a_request_cannot_leave_what_the_file_allows() -> None:
    limits = {"include_providers": ["a", "b"], "exclude_providers": ["a"]}
    for request in (
        {"provider_fallbacks": "c,a,b"},
        {"failover_config": {"primary_provider": "b"}},
        {"provider": "a,b"},
    ):
        policy = combined(None, None, limits, request)
        assert planned_providers(decide(routing_request(policy), snapshot(), Signals())) == ["b"]


def test_a_reason_has_the_levels_it_comes_from() -> None:
    policy = combined({"exclude_providers": ["a"]}, {"include_providers": ["a"]}, None, {"exclude_providers": ["b"]})
    reasons = ("in_exclude_providers", "not_in_include_providers", "disabled", "data_residency")
    assert [reason_levels(policy, reason) for reason in reasons] == [("defaults", "request"), ("model",), (), ()]


def test_the_policy_of_a_model_holds_for_it_alone() -> None:
    loaded = snapshot("{max_latency_ms: 5}", "{max_latency_ms: 9, data_residency: EU}")
    found = {name: policy_for(name, {}, loaded) for name in ("m", "plain", "a/x", "unknown")}
    assert {name: each.max_latency_ms for name, each in found.items()} == {"m": 9, "plain": 5, "a/x": 5, "unknown": 5}
    assert [name for name, each in found.items() if each.data_residency] == ["m"]


def test_without_policies_in_the_file_the_request_alone_counts() -> None:
    loaded = load_snapshot(FILE.replace("DEFAULTS", "{}").replace(", policy: MODEL", ""))
    headers = {"X-Provider": "a"}
    assert not loaded.has_policies and policy_for("m", headers, loaded) is parse_policy(headers, loaded)
    assert snapshot("{max_latency_ms: 5}").has_policies and snapshot(model="{max_latency_ms: 5}").has_policies


def test_a_combination_is_made_once() -> None:
    loaded, key = snapshot("{max_latency_ms: 5}"), PolicyWords("key", {"provider": ["a"]})
    for headers in ({}, {"X-Provider": "a,b"}):
        assert policy_for("m", headers, loaded, key=key) is policy_for("m", dict(headers), loaded, key=key)


def test_an_invalid_header_is_an_error_with_policies_too() -> None:
    with pytest.raises(InvalidHeaderError, match="X-Provider: no provider 'z'"):
        policy_for("m", {"X-Provider": "z"}, snapshot("{max_latency_ms: 5}"))


@pytest.mark.parametrize(
    ("members", "path", "message"),
    [
        ({"provider": ["z"]}, "p.provider", "no provider 'z'; allowed: a, b, c"),
        ({"data_residency": "MARS"}, "p.data_residency", "no zone 'MARS'; allowed: "),
        ({"routing_strategy": "fast"}, "p.routing_strategy", "'fast' is not one of automatic, "),
        ({"max_provider_retries": 11}, "p.max_provider_retries", "'11' is not a whole number from 0 to 10"),
        ({"failover_config": {"primary": "a"}}, "p.failover_config", "primary"),
        ({"strategy": "performance"}, "p.strategy", "unknown key; did you mean 'routing_strategy'?"),
        ({"session_id": "s"}, "p.session_id", "only a request can have this member"),
        ({"X-Provider": "a"}, "p", "unknown key; "),
        ({"google_safety_settings": {"harm_block_threshold": "ALL"}}, "p.google_safety_settings", "ALL"),
    ],
)
def test_an_invalid_member_is_an_error_with_its_path(members: dict[str, Any], path: str, message: str) -> None:
    ((where, text),) = policy_errors(PolicyWords("p", members), snapshot().known_names)
    assert where == path and message in text


def test_members_that_are_null_are_not_set() -> None:
    assert not list(policy_errors(PolicyWords("p", {"provider": None}), snapshot().known_names))
    assert combined({}).sources == {}
