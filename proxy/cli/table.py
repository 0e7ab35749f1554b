"""Formats a routing decision as text: the plan in order, and the excluded targets with reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

import orjson

MIN_COLUMN_WIDTH = 24
"""Width of the last column of a line, however narrow the terminal."""

_SCORES: Mapping[str, tuple[str, str]] = {
    "geographic": ("km", ",.0f"),
    "cost-optimized": ("USD at worst", ".6f"),
    "performance": ("median", ".1f"),
    "least-busy": ("in flight", ".0f"),
}
"""Strategy -> what its score measures, and its number format."""

_REASONS: Mapping[str, str] = {
    "disabled": "disabled: its key is not usable",
    "endpoint_unsupported": "does not support this endpoint",
    "data_residency": "outside the required data residency",
    "not_in_provider": "not named by X-Provider",
    "not_in_include_providers": "not named by X-Include-Providers",
    "in_exclude_providers": "named by X-Exclude-Providers",
    "not_in_provider_fallbacks": "not named by X-Provider-Fallbacks",
    "not_in_failover_config": "not named by X-Failover-Config",
    "not_in_provider_regions": "region not named by X-Provider-Regions",
    "context_length": "the prompt exceeds its context window",
    "unknown_price": "its price is unknown and a cost limit is set",
    "over_cost": "over the cost limit",
    "model_not_served": "does not serve this model",
    "policy_conflict": "the policies contradict each other",
    "lacks_tools": "does not support tools",
    "lacks_images": "does not support images",
    "lacks_json_schema": "does not support JSON schemas",
}


def format_decision(explanation: Mapping[str, Any], width: int) -> str:
    """Format the JSON of /v1/route in lines of at most `width` columns, where that is possible."""
    rows = [(step["target"], step) for step in explanation["plan"]]
    excluded = [
        (each["target"] or each["provider"], _reason_text(each["reason"]) + _levels(each.get("levels")))
        for each in explanation["excluded"]
    ]
    column = max(len(name) for name, _ in (("target", None), *rows, *excluded))
    lines = [*_head(explanation, width), ""]
    if rows:
        lines += _plan(rows, explanation["strategy"], column)
    else:
        lines.append("No eligible target.")
    if excluded:
        lines += ["", "Excluded:"]
        for name, reason in excluded:
            lines += _wrap(f"     {name:{column}}  ", reason, width)
    if keys := explanation.get("keys"):
        lines += ["", "Keys:"]
        for name, states in keys.items():
            lines += _wrap(f"     {name:{column}}  ", ", ".join(map(_key_text, states)), width)
    return "\n".join(line.rstrip() for line in lines)


def _key_text(key: Mapping[str, Any]) -> str:
    """Return the state of one key of a pool."""
    detail = f" for {key['seconds']} s" if "seconds" in key else f": {key['reason']}" if "reason" in key else ""
    return f"{key['name']} {key['status']}{detail}"


def _head(explanation: Mapping[str, Any], width: int) -> Iterator[str]:
    policy, sources = explanation["policy"], explanation.get("policy_sources", {})
    constraints = (
        "; ".join(f"{name} {_to_text(value)}{_levels(sources.get(name))}" for name, value in policy.items())
        or "defaults of the file"
    )
    rows = {
        "model": explanation["model"],
        "strategy": explanation["strategy"],
        "request id": explanation["request_id"],
        "policy": constraints,
        **({"conflict": explanation["policy_conflict"]} if "policy_conflict" in explanation else {}),
        **({"warnings": ", ".join(explanation["warnings"])} if "warnings" in explanation else {}),
    }
    for name, value in rows.items():
        yield from _wrap(f"{name:10}  ", value, width)


def _plan(rows: list[tuple[str, Mapping[str, Any]]], strategy: str, column: int) -> Iterator[str]:
    name, form = _SCORES.get(strategy, ("score", ".4f"))
    scores = ["-" if step["score"] is None else format(step["score"], form) for _, step in rows]
    wide = max(len(name), *map(len, scores))
    shown = [member for member in ("priority", "weight") if len({step.get(member) for _, step in rows}) > 1]
    yield f"  #  {'target':{column}}  {name:>{wide}}" + "".join(f"  {member:>8}" for member in shown)
    for place, ((target, step), score) in enumerate(zip(rows, scores, strict=True), 1):
        unavailable = f"  unavailable for {step['available_in_ms'] / 1000:.1f} s" if "available_in_ms" in step else ""
        clamped = f"  max_tokens lowered to {step['max_tokens']}" if "max_tokens" in step else ""
        dropped = f"  drops {', '.join(step['drops'])}" if "drops" in step else ""
        ranks = "".join(f"  {step[member]:>8g}" for member in shown)
        yield f"{place:3}  {target:{column}}  {score:>{wide}}{ranks}{unavailable}{clamped}{dropped}"


def _reason_text(reason: str) -> str:
    """Return the text of a reason code. What follows a colon is names and stays as it is."""
    code, colon, names = reason.partition(":")
    return _REASONS.get(code, code.replace("_", " ")) + colon + names


def _levels(names: Sequence[str] | None) -> str:
    """Return the levels that a value or a reason comes from, in parentheses, or "" without any."""
    return f" ({', '.join(names)})" if names else ""


def _to_text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _wrap(start: str, text: str, width: int) -> Iterator[str]:
    """Wrap a text after `start`, with a hanging indent."""
    first, *further = wrap(text, max(width - len(start), MIN_COLUMN_WIDTH)) or [""]
    yield start + first
    yield from (" " * len(start) + line for line in further)
