"""Questions, signals and a file of several providers, for the tests of the decision."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from proxy.config.snapshot import Snapshot
from proxy.routing.decision import Decision, decide
from proxy.routing.facts import Facts
from proxy.routing.policy import Policy, parse_policy
from proxy.routing.routing_request import RoutingRequest
from proxy.telemetry.signals import Percentiles, Performance, Signal, Signals, SignalTable
from tests.files import load_snapshot

WORLD = load_snapshot("""
providers:
  openai: {dialect: openai, base_url: http://x, weight: 50, regions: {us-east-1: {}, eu-central-1: {}}}
  anthropic: {dialect: anthropic, base_url: http://x, weight: 30, regions: {us-west-2: {}}}
  google: {dialect: google, base_url: http://x, weight: 20, regions: {eu-west-2: {}}}
  mistral: {dialect: mistral, base_url: http://x, weight: 0, regions: {eu-west-3: {}}}
  cohere: {dialect: cohere, base_url: http://x, api_key: "${UNSET}", weight: 10}
models:
  m:
    openai: {model: o, price: {input: 2, output: 8}, context_window: 100000}
    anthropic: {model: a, price: {input: 3, output: 15}, context_window: 200000}
    google: {model: g, price: {input: 1, output: 4}, context_window: 1000000}
    mistral: {model: s}
    cohere: c
  only-openai: {openai: o}
""")
"""Five providers of `m`: two regions of openai, no price for mistral, no key for cohere."""


def policy_from(headers: dict[str, str], snapshot: Snapshot = WORLD) -> Policy:
    """The policy of these headers."""
    return parse_policy(headers, snapshot)


def routing_request(
    policy: Policy | None = None, *, strategy: str = "automatic", seed: str = "req-1", **facts: Any
) -> RoutingRequest:
    """A chat for the model `m`."""
    return RoutingRequest(Facts(**{"endpoint": "chat", "model": "m", **facts}), policy or Policy(), strategy, seed)


def measured_signal(ms: float | None = None, samples: int = 20, *, window: int = 300, **fields: Any) -> Signal:
    """A target whose medians are all `ms`, of which so many samples are known."""
    spread = Percentiles(ms, ms, samples if ms is not None else 0)
    return Signal(performance=Performance(window, spread, spread, spread), **fields)


def signals(rows: dict[str, Signal], in_flight: Mapping[str, int] = MappingProxyType({}), **fields: Any) -> Signals:
    """What is known, and how many attempts are in flight, by the beginning of a target's id: `openai`, or `openai@us`."""
    ids = [target.id for target in WORLD.targets("m")]
    found = {id: row for start, row in rows.items() for id in ids if id.startswith(start)}
    busy = {id: count for start, count in in_flight.items() for id in ids if id.startswith(start)}
    return Signals(SignalTable(found), in_flight=lambda target: busy.get(target, 0), **fields)


def decision_for(
    headers: dict[str, str],
    rows: dict[str, Signal] | None = None,
    in_flight: Mapping[str, int] = MappingProxyType({}),
    **options: Any,
) -> Decision:
    """The decision on these headers in WORLD."""
    return decide(routing_request(policy_from(headers), **options), WORLD, signals(rows or {}, in_flight))


def planned_locations(decision: Decision) -> list[str]:
    """The plan as `provider@region`."""
    return [f"{step.target.provider.name}@{step.target.region}" for step in decision.plan]


def planned_providers(decision: Decision) -> list[str]:
    """The plan's providers."""
    return [step.target.provider.name for step in decision.plan]


def exclusion_reasons(decision: Decision) -> dict[str, str]:
    """Why the others may not serve, by provider@region (or provider)."""
    return {(each.target or each.provider).partition("/")[0]: each.reason for each in decision.excluded}
