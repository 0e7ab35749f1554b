"""The routing decision without a request: for `POST /v1/route` and `parrot explain`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.config.plain_values import NO_POLICY, PolicyWords
from proxy.config.snapshot import Snapshot, Target, targets_for_model
from proxy.dialects import DIALECTS
from proxy.routing.decision import Decision
from proxy.routing.facts import parse_facts
from proxy.routing.policy import Policy, all_control_headers
from proxy.routing.policy_levels import conflict_text, policy_for, reason_levels
from proxy.routing.routing_request import RoutingRequest


def build_routing_request(
    body: Mapping[str, Any],
    control_headers: Mapping[str, str],
    snapshot: Snapshot,
    seed: str,
    *,
    key: PolicyWords = NO_POLICY,
) -> RoutingRequest:
    """Return what a chat request with that body and those headers would be decided by. `key` is its key's policy.

    Raises InvalidRequestError, InvalidHeaderError and ModelNotFoundError, as for a live request.
    """
    facts = parse_facts("chat", body)
    policy = policy_for(facts.model, all_control_headers(body, control_headers), snapshot, key=key)
    targets_for_model(snapshot, facts.model)
    return RoutingRequest(facts, policy, snapshot.default_strategy, seed, body, snapshot.defaults.region)


def dry_explanation(decision: Decision, request: RoutingRequest) -> dict[str, Any]:
    """Return the explanation of a decision that no attempt follows, with what each target would drop of the request."""
    found = explanation(decision, request.policy, request.seed)
    for planned, step in zip(found["plan"], decision.plan, strict=True):
        if drops := dropped_params(step.target, request.body):
            planned["drops"] = drops
    return found


def dropped_params(target: Target, body: Mapping[str, Any]) -> list[str]:
    """Return up to 20 parameters of a request that the target's format or the file's `params` drop."""
    unsupported = DIALECTS[target.provider.dialect].unsupported_params(body, target.rules_model)
    dropped = (*unsupported, *(name for name in target.params.drop if name in body))
    return [name[:_MAX_NAME_LENGTH] for name in dict.fromkeys(dropped)][:_MAX_NAMES]


_MAX_NAMES, _MAX_NAME_LENGTH = 20, 64


def explanation(decision: Decision, policy: Policy, request_id: str) -> dict[str, Any]:
    """Return the decision and the policy it followed as a value for JSON.

    If the file has a policy for the request, `policy_sources` are the levels that each member comes from.
    """
    found = {"request_id": request_id, **decision.as_json(), "policy": policy.as_json()}
    if not policy.sources:
        return found
    for exclusion in found["excluded"]:
        if levels := reason_levels(policy, exclusion["reason"]):
            exclusion["levels"] = levels
    conflict = {"policy_conflict": conflict_text(policy)} if policy.conflicts else {}
    return {**found, "policy_sources": policy.sources, **conflict}
