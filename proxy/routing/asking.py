"""A Question out of a request's body and its control headers, for those who only want the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.config.snapshot import Snapshot, Target
from proxy.errors import UnknownModel
from proxy.routing.decision import Decision
from proxy.routing.facts import facts
from proxy.routing.policy import Policy, asked_in_body, parse
from proxy.routing.question import Question


def question(body: Mapping[str, Any], asked: Mapping[str, str], snapshot: Snapshot, seed: str) -> Question:
    """What a chat request asks. Raises InvalidRequest, InvalidHeader and UnknownModel, as for a live one."""
    chat = facts("chat", body)
    policy = heard(body, asked, snapshot)
    serving(snapshot, chat.model)
    return Question(chat, policy, snapshot.default_strategy, seed, body, snapshot.defaults.region)


def heard(body: Mapping[str, Any], asked: Mapping[str, str], snapshot: Snapshot) -> Policy:
    """The body's `routing` says what headers could have said; where both speak, the header holds."""
    routing = body.get("routing")
    return parse(asked if routing is None else {**asked_in_body(routing), **asked}, snapshot)


def serving(snapshot: Snapshot, model: str) -> tuple[Target, ...]:
    """Who serves the model; raises UnknownModel with names that look like it."""
    targets = snapshot.targets(model)
    if not targets:
        near = snapshot.near(model)
        hint = f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
        raise UnknownModel(f"no model '{model[:256]}' in the routing table{hint}", param="model")
    return targets


def explained(decision: Decision, policy: Policy, seed: str) -> dict[str, Any]:
    """The decision with what it was asked, as a value for JSON; the seed is the request's id."""
    return {"request_id": seed, **decision.as_json(), "policy": policy.as_json()}
