"""The routing decision without a request: for `POST /v1/route` and `parrot explain`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.config.plain_values import NO_POLICY, PolicyWords
from proxy.config.snapshot import Snapshot, Target, targets_for_model
from proxy.dialects import DIALECTS
from proxy.resilience.key_pools import KeyPools
from proxy.routing.client_request import HUB, read_request, with_known_model
from proxy.routing.decision import Decision
from proxy.routing.native import is_native
from proxy.routing.param_rules import CHAT, PARAM_RULES, ParamRules
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
    endpoint: str = "",
) -> RoutingRequest:
    """Return what a request with that body and those headers would be decided by. `key` is its key's policy.

    Without an endpoint, what a body has in place of `messages` tells it.
    Raises InvalidRequestError, InvalidHeaderError and ModelNotFoundError, as for a live request.
    """
    read = read_request(endpoint or _endpoint_of(body), body)
    facts = with_known_model(read.facts, body, snapshot)
    model = facts.model
    policy = policy_for(model, all_control_headers(body, control_headers), snapshot, key=key)
    targets_for_model(snapshot, model)
    return RoutingRequest(facts, policy, snapshot.default_strategy, seed, read.params, snapshot.defaults.region)


def _endpoint_of(body: Mapping[str, Any]) -> str:
    """Return the endpoint of a body: `input` is that of the Responses API, `contents` Gemini's, and anything else a chat."""
    if "messages" in body:
        return HUB
    return "responses" if "input" in body else "generate_content" if "contents" in body else HUB


def dry_explanation(decision: Decision, request: RoutingRequest, pools: KeyPools, now: float) -> dict[str, Any]:
    """Return the explanation of a decision that no attempt follows.

    It has what each target would drop of the request, and the state of the keys of providers that have several.
    """
    found = explanation(decision, request.policy, request.seed)
    for planned, step in zip(found["plan"], decision.plan, strict=True):
        is_translated = request.facts.hub_endpoint and not is_native(step.target.provider, request.facts)
        if is_translated:
            planned["translated"] = True
        rules = PARAM_RULES.get(request.facts.hub_endpoint if is_translated else request.facts.endpoint)
        if rules is not None and (drops := dropped_params(step.target, request.body, rules)):
            planned["drops"] = drops
    providers = {step.target.provider.name: step.target.provider for step in decision.plan}
    keys = {name: pools.status(each, now) for name, each in providers.items() if each.pool is not None}
    return {**found, "keys": keys} if keys else found


def dropped_params(target: Target, body: Mapping[str, Any], rules: ParamRules = CHAT) -> list[str]:
    """Return up to 20 parameters of a request that the target's format or the file's `params` drop."""
    unsupported = rules.unsupported_of(DIALECTS[target.provider.dialect])(body, target.rules_model)
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
