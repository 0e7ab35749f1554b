"""A Question out of a request's body and its control headers, for those who only want the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.config.snapshot import Snapshot, Target
from proxy.errors import ModelNotFoundError
from proxy.routing.decision import Decision
from proxy.routing.facts import parse_facts
from proxy.routing.policy import Policy, control_headers_from_body, parse_policy
from proxy.routing.routing_request import RoutingRequest


def build_routing_request(
    body: Mapping[str, Any], asked: Mapping[str, str], snapshot: Snapshot, seed: str
) -> RoutingRequest:
    """What a chat request asks. Raises InvalidRequestError, InvalidHeaderError and ModelNotFoundError, as for a live one."""
    chat = parse_facts("chat", body)
    policy = effective_policy(body, asked, snapshot)
    targets_for_model(snapshot, chat.model)
    return RoutingRequest(chat, policy, snapshot.default_strategy, seed, body, snapshot.defaults.region)


def effective_policy(body: Mapping[str, Any], asked: Mapping[str, str], snapshot: Snapshot) -> Policy:
    """The body's `routing` says what headers could have said; where both speak, the header holds."""
    routing = body.get("routing")
    return parse_policy(asked if routing is None else {**control_headers_from_body(routing), **asked}, snapshot)


def targets_for_model(snapshot: Snapshot, model: str) -> tuple[Target, ...]:
    """Who serves the model; raises ModelNotFoundError with names that look like it."""
    targets = snapshot.targets(model)
    if not targets:
        near = snapshot.similar_names(model)
        hint = f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
        raise ModelNotFoundError(f"no model '{model[:256]}' in the routing table{hint}", param="model")
    return targets


def explanation(decision: Decision, policy: Policy, seed: str) -> dict[str, Any]:
    """The decision with what it was asked, as a value for JSON; the seed is the request's id."""
    return {"request_id": seed, **decision.as_json(), "policy": policy.as_json()}
