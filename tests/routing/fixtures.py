"""A routing.yaml with several providers, and short ways to make requests, signals and decisions for it."""

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
"""Five providers of `m`: openai in two regions, mistral without a price, cohere without a key."""


def policy_from(headers: dict[str, str], snapshot: Snapshot = WORLD) -> Policy:
    """Return the policy of these headers."""
    return parse_policy(headers, snapshot)


def routing_request(
    policy: Policy | None = None, *, strategy: str = "automatic", seed: str = "req-1", **facts: Any
) -> RoutingRequest:
    """Return a chat request for the model `m`."""
    return RoutingRequest(Facts(**{"endpoint": "chat", "model": "m", **facts}), policy or Policy(), strategy, seed)


def measured_signal(ms: float | None = None, samples: int = 20, *, window: int = 300, **fields: Any) -> Signal:
    """Return the signal of a target whose medians are all `ms`, over that many samples."""
    percentiles = Percentiles(ms, ms, samples if ms is not None else 0)
    return Signal(performance=Performance(window, percentiles, percentiles, percentiles), **fields)


def signals(rows: dict[str, Signal], in_flight: Mapping[str, int] = MappingProxyType({}), **fields: Any) -> Signals:
    """Return signals and attempts in flight by the prefix of a target id, such as `openai` or `openai@us`."""
    ids = [target.id for target in WORLD.targets("m")]
    table = {id: row for start, row in rows.items() for id in ids if id.startswith(start)}
    counts = {id: count for start, count in in_flight.items() for id in ids if id.startswith(start)}
    return Signals(SignalTable(table), in_flight=lambda target: counts.get(target, 0), **fields)


def decision_for(
    headers: dict[str, str],
    rows: dict[str, Signal] | None = None,
    in_flight: Mapping[str, int] = MappingProxyType({}),
    **options: Any,
) -> Decision:
    """Return the decision for these headers in WORLD."""
    return decide(routing_request(policy_from(headers), **options), WORLD, signals(rows or {}, in_flight))


def planned_locations(decision: Decision) -> list[str]:
    """Return the plan as `provider@region`."""
    return [f"{each.target.provider.name}@{each.target.region}" for each in decision.plan]


def planned_providers(decision: Decision) -> list[str]:
    """Return the providers of the plan."""
    return [each.target.provider.name for each in decision.plan]


def exclusion_reasons(decision: Decision) -> dict[str, str]:
    """Return the reasons of the excluded targets by `provider@region`, or by provider where it has no target."""
    return {(each.target or each.provider).partition("/")[0]: each.reason for each in decision.excluded}
