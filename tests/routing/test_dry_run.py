"""A dry run builds its routing request as a live request does, and explains the decision."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.config.plain_values import PolicyWords
from proxy.errors import InvalidHeaderError, InvalidRequestError, ModelNotFoundError
from proxy.resilience.key_pools import KeyPools
from proxy.routing.decision import decide
from proxy.routing.dry_run import build_routing_request, dry_explanation, explanation
from proxy.telemetry.signals import Signals
from tests.fakes import BODY, generation, routing_yaml
from tests.files import load_snapshot

SNAPSHOT = generation(
    routing_yaml("[header_policy, limits, {strategy: {default: least-busy}}, sse_passthrough, failover, translate]")
).snapshot


def test_the_default_strategy_is_that_of_the_file() -> None:
    assert build_routing_request(BODY, {}, SNAPSHOT, "s").default_strategy == "least-busy"


def test_facts_and_policy_are_those_of_body_and_headers() -> None:
    request = build_routing_request({**BODY, "stream": True}, {"X-Provider": "a"}, SNAPSHOT, "s")
    assert (request.facts.model, request.facts.stream, request.policy.provider, request.seed) == (
        "m",
        True,
        ("a",),
        "s",
    )


@pytest.mark.parametrize(
    ("members", "headers", "error", "message"),
    [
        ({"model": "n"}, {}, ModelNotFoundError, "no model 'n' in the routing table"),
        ({"model": "mm"}, {}, ModelNotFoundError, "did you mean 'm'?"),
        ({"messages": []}, {}, InvalidRequestError, "'messages' is missing or empty"),
        ({}, {"X-Provider": "z"}, InvalidHeaderError, "no provider 'z'"),
        ({"routing": 1}, {}, InvalidHeaderError, "routing: expected an object"),
    ],
)
def test_a_dry_run_raises_the_errors_of_a_live_request(
    members: dict[str, Any], headers: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message.replace("?", r"\?")):
        build_routing_request({**BODY, **members}, headers, SNAPSHOT, "s")


def test_the_explanation_contains_decision_and_policy() -> None:
    request = build_routing_request(BODY, {"X-Provider": "a"}, SNAPSHOT, "s")
    found = explanation(decide(request, SNAPSHOT, Signals()), request.policy, "s")
    assert list(found) == ["request_id", "model", "strategy", "window_s", "plan", "excluded", "policy"]
    assert (found["request_id"], found["policy"]) == ("s", {"provider": ("a",)})
    assert [each["reason"] for each in found["excluded"]] == ["not_in_provider"] * 2


def test_a_dry_run_shows_what_each_target_would_drop() -> None:
    snapshot = load_snapshot("""
providers: {a: {dialect: anthropic, base_url: http://x}, b: {dialect: openai, base_url: http://x}}
models: {m: {a: claude, b: {model: x, params: {drop: [user, stop]}}}}
""")
    body = {**BODY, "seed": 1, "logit_bias": {"5": 1}, "user": "u"}
    request = build_routing_request(body, {}, snapshot, "s")
    plan = dry_explanation(decide(request, snapshot, Signals()), request, KeyPools(), 0.0)["plan"]
    assert {step["provider"]: step["drops"] for step in plan} == {"a": ["seed", "logit_bias"], "b": ["user"]}


def test_a_request_of_another_client_api_is_explained_too() -> None:
    snapshot = load_snapshot("""
providers: {a: {dialect: anthropic, base_url: http://x}, b: {dialect: openai, base_url: http://x}}
models: {m: {a: claude-haiku-4-5, b: x}}
""")
    body = {"model": "m", "input": "Hello", "max_output_tokens": 5, "truncation": "auto"}
    request = build_routing_request(body, {}, snapshot, "s")
    plan = dry_explanation(decide(request, snapshot, Signals()), request, KeyPools(), 0.0)["plan"]
    assert (request.facts.endpoint, request.facts.max_tokens) == ("responses", 5)
    assert {step["provider"]: step.get("translated", False) for step in plan} == {"a": True, "b": False}
    assert build_routing_request(BODY, {}, SNAPSHOT, "s", endpoint="messages").facts.endpoint == "messages"


@pytest.mark.parametrize(
    ("endpoint", "tool"),
    [("responses", {"type": "web_search"}), ("messages", {"type": "web_search_20250305", "name": "web_search"})],
)
def test_a_hosted_tool_keeps_a_request_at_the_vendor_that_has_it(endpoint: str, tool: dict[str, Any]) -> None:
    snapshot = load_snapshot("""
providers: {anthropic: {dialect: anthropic, base_url: http://x}, openai: {dialect: openai, base_url: http://x}}
models: {m: {anthropic: claude-haiku-4-5, openai: gpt-4.1}}
""")
    native = {"responses": "openai", "messages": "anthropic"}[endpoint]
    body = {"responses": {"input": "Hello"}, "messages": {"messages": BODY["messages"], "max_tokens": 5}}[endpoint]
    request = build_routing_request({"model": "m", **body, "tools": [tool]}, {}, snapshot, "s", endpoint=endpoint)
    decision = decide(request, snapshot, Signals())
    assert [step.target.provider.name for step in decision.plan] == [native]
    [excluded] = decision.excluded
    assert excluded.reason == f"unsupported_feature: {request.facts.hosted_tools[0]}"
    headers = {"X-Exclude-Providers": native}
    request = build_routing_request({"model": "m", **body, "tools": [tool]}, headers, snapshot, "s", endpoint=endpoint)
    assert len(decide(request, snapshot, Signals()).plan) == 1


def test_a_key_has_its_policy_in_a_dry_run() -> None:
    key = PolicyWords("key", {"provider": ["b"]})
    request = build_routing_request(BODY, {}, SNAPSHOT, "s", key=key)
    found = dry_explanation(decide(request, SNAPSHOT, Signals()), request, KeyPools(), 0.0)
    assert [step["provider"] for step in found["plan"]] == ["b"] and "drops" not in found["plan"][0]
    assert (found["policy_sources"], found["excluded"][0]["levels"]) == ({"provider": ("key",)}, ("key",))


def test_the_state_of_each_key_of_a_pool_is_shown() -> None:
    snapshot = load_snapshot("""
providers: {a: {dialect: openai, base_url: http://x, api_key: [key-1, {value: key-2, name: spare}]}, b: {dialect: openai, base_url: http://x}}
models: {m: {a: x, b: x}}
""")
    pools, pool = KeyPools(), snapshot.providers["a"].pool
    assert pool is not None
    pools.update(snapshot)
    pools.hold("a", pool.keys[0], 12, now=100.0)
    request = build_routing_request(BODY, {}, snapshot, "s")
    found = dry_explanation(decide(request, snapshot, Signals()), request, pools, 100.0)
    assert found["keys"] == {
        "a": [{"name": "key 1", "status": "cooling down", "seconds": 12}, {"name": "spare", "status": "available"}]
    }
