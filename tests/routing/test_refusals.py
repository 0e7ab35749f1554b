"""A target that has refused a member of the request is excluded, as long as another one is left."""

from __future__ import annotations

from msgspec.structs import replace

from proxy.resilience.refusal_memory import RefusedMember
from proxy.routing.decision import Decision, decide
from tests.routing.fixtures import WORLD, planned_providers, policy_from, routing_request, signals

IDS = {target.provider.name: target.id for target in WORLD.targets("m")}
"""Of openai that in its second region."""
TEMPERATURE = frozenset({RefusedMember("temperature")})


def decided(body: dict[str, object], headers: dict[str, str], *refusing: str) -> Decision:
    request = replace(routing_request(policy_from(headers)), body=body)
    return decide(request, WORLD, signals({}, refused_members={IDS[name]: TEMPERATURE for name in refusing}))


def reasons(decision: Decision) -> dict[str | None, str]:
    return {each.target: each.reason for each in decision.excluded}


def test_a_target_that_has_refused_the_member_is_excluded_with_the_reason() -> None:
    found = decided({"temperature": 0.3}, {}, "google")
    assert "google" not in planned_providers(found) and len(found.plan) == 4
    assert reasons(found)[IDS["google"]] == "unsupported_params: temperature"


def test_requests_without_the_member_are_not_concerned() -> None:
    assert "google" in planned_providers(decided({"seed": 1}, {}, "google"))


def test_if_no_other_target_is_left_it_is_tried_all_the_same() -> None:
    alone = {"X-Provider": "google,mistral"}
    assert planned_providers(decided({"temperature": 1}, alone, "google")) == ["mistral"]
    assert set(planned_providers(decided({"temperature": 1}, alone, "google", "mistral"))) == {"google", "mistral"}


def test_the_cost_ceiling_holds_for_the_targets_that_are_left() -> None:
    found = decided({"temperature": 1}, {"X-Max-Cost-Per-Request": "0.05"}, "google")
    assert set(planned_providers(found)) == {"openai", "anthropic"}
    assert reasons(found)[IDS["mistral"]] == "unknown_price"
