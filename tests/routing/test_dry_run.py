"""A body and control headers make the request that a live request would."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidHeaderError, InvalidRequestError, ModelNotFoundError
from proxy.routing.decision import decide
from proxy.routing.dry_run import build_routing_request, effective_policy, explanation, targets_for_model
from proxy.telemetry.signals import Signals
from tests.fakes import BODY, generation, routing_yaml

SNAPSHOT = generation(
    routing_yaml("[header_policy, limits, {strategy: {default: least-busy}}, sse_passthrough, failover, translate]")
).snapshot


def test_the_files_strategy_decides_where_the_request_names_none() -> None:
    assert build_routing_request(BODY, {}, SNAPSHOT, "s").default_strategy == "least-busy"


def test_the_facts_and_the_policy_are_those_of_the_request() -> None:
    asked = build_routing_request({**BODY, "stream": True}, {"X-Provider": "a"}, SNAPSHOT, "s")
    assert (asked.facts.model, asked.facts.stream, asked.policy.provider, asked.seed) == ("m", True, ("a",), "s")


@pytest.mark.parametrize(
    ("routing", "asked", "provider"),
    [
        (None, {"X-Provider": "a"}, ("a",)),
        ({"provider": ["a", "b"]}, {}, ("a", "b")),
        ({"provider": "b"}, {"X-Provider": "a"}, ("a",)),
    ],
)
def test_a_header_holds_over_the_bodys_routing(routing: Any, asked: dict[str, str], provider: tuple[str]) -> None:
    assert effective_policy({"routing": routing}, asked, SNAPSHOT).provider == provider


@pytest.mark.parametrize(
    ("members", "asked", "error", "said"),
    [
        ({"model": "n"}, {}, ModelNotFoundError, "no model 'n' in the routing table"),
        ({"model": "mm"}, {}, ModelNotFoundError, "did you mean 'm'?"),
        ({"messages": []}, {}, InvalidRequestError, "'messages' is missing or empty"),
        ({}, {"X-Provider": "z"}, InvalidHeaderError, "no provider 'z'"),
        ({"routing": 1}, {}, InvalidHeaderError, "routing: expected an object"),
    ],
)
def test_what_a_live_request_would_be_refused_for_is_refused(
    members: dict[str, Any], asked: dict[str, str], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said.replace("?", r"\?")):
        build_routing_request({**BODY, **members}, asked, SNAPSHOT, "s")


def test_all_who_serve_the_model_are_found() -> None:
    assert [target.provider.name for target in targets_for_model(SNAPSHOT, "m")] == ["a", "b", "c"]


def test_the_explanation_has_what_was_asked_and_what_came_of_it() -> None:
    asked = build_routing_request(BODY, {"X-Provider": "a"}, SNAPSHOT, "s")
    said = explanation(decide(asked, SNAPSHOT, Signals()), asked.policy, "s")
    assert list(said) == ["request_id", "model", "strategy", "window_s", "plan", "excluded", "policy"]
    assert (said["request_id"], said["policy"]) == ("s", {"provider": ("a",)})
    assert [each["reason"] for each in said["excluded"]] == ["not_in_provider"] * 2
