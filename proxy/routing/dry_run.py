"""The routing decision without a request: for `POST /v1/route` and `parrot explain`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.config.snapshot import Snapshot, targets_for_model
from proxy.routing.decision import Decision
from proxy.routing.facts import parse_facts
from proxy.routing.policy import Policy, effective_policy
from proxy.routing.routing_request import RoutingRequest


def build_routing_request(
    body: Mapping[str, Any], control_headers: Mapping[str, str], snapshot: Snapshot, seed: str
) -> RoutingRequest:
    """Return what a chat request with that body and those headers would be decided by.

    Raises InvalidRequestError, InvalidHeaderError and ModelNotFoundError, as for a live request.
    """
    facts = parse_facts("chat", body)
    policy = effective_policy(body, control_headers, snapshot)
    targets_for_model(snapshot, facts.model)
    return RoutingRequest(facts, policy, snapshot.default_strategy, seed, body, snapshot.defaults.region)


def explanation(decision: Decision, policy: Policy, request_id: str) -> dict[str, Any]:
    """Return the decision and the policy it followed as a value for JSON."""
    return {"request_id": request_id, **decision.as_json(), "policy": policy.as_json()}
