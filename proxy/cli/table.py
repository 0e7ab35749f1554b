"""A decision as people read it: the plan in its order, and who is not in it and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

import orjson

MIN_COLUMN_WIDTH = 24
"""Columns that the last column of a line gets, however narrow the terminal."""

_SCORES: Mapping[str, tuple[str, str]] = {
    "geographic": ("km", ",.0f"),
    "cost-optimized": ("USD at worst", ".6f"),
    "performance": ("median", ".1f"),
    "least-busy": ("in flight", ".0f"),
}
"""What a strategy's score is, and how it is written."""

_REASONS: Mapping[str, str] = {
    "disabled": "disabled: its key is not set",
    "endpoint_unsupported": "does not have this endpoint",
    "data_residency": "keeps data outside the zone asked for",
    "not_in_provider": "not named by X-Provider",
    "not_in_include_providers": "not named by X-Include-Providers",
    "in_exclude_providers": "named by X-Exclude-Providers",
    "not_in_provider_fallbacks": "not named by X-Provider-Fallbacks",
    "not_in_failover_config": "not named by X-Failover-Config",
    "not_in_provider_regions": "region not named by X-Provider-Regions",
    "context_length": "the prompt is longer than it can read",
    "unknown_price": "its price is unknown, and a cost ceiling is set",
    "over_cost": "over the cost ceiling",
    "model_not_served": "does not serve this model",
    "lacks_tools": "takes no tools",
    "lacks_images": "takes no images",
    "lacks_json_schema": "takes no JSON schema",
}


def format_decision(explanation: Mapping[str, Any], width: int) -> str:
    """What /v1/route answers, in lines of `width` columns where that is possible."""
    rows = [(step["target"], step) for step in explanation["plan"]]
    excluded = [(each["target"] or each["provider"], each["reason"]) for each in explanation["excluded"]]
    column = max(len(name) for name, _ in (("target", None), *rows, *excluded))
    lines = [*_head(explanation, width), ""]
    if rows:
        lines += _plan(rows, explanation["strategy"], column)
    else:
        lines.append("Nobody may serve this request.")
    if excluded:
        lines += ["", "Not in the plan:"]
        for name, reason in excluded:
            lines += _hanging_indent(f"     {name:{column}}  ", _words(reason), width)
    return "\n".join(line.rstrip() for line in lines)


def _head(explanation: Mapping[str, Any], width: int) -> Iterator[str]:
    policy = explanation["policy"]
    asked = "; ".join(f"{name} {_plain(value)}" for name, value in policy.items()) or "nothing: the file decides"
    rows = {
        "model": explanation["model"],
        "strategy": explanation["strategy"],
        "request id": explanation["request_id"],
        "asked for": asked,
    }
    for name, value in rows.items():
        yield from _hanging_indent(f"{name:10}  ", value, width)


def _plan(rows: list[tuple[str, Mapping[str, Any]]], strategy: str, column: int) -> Iterator[str]:
    name, form = _SCORES.get(strategy, ("score", ".4f"))
    scores = ["-" if step["score"] is None else format(step["score"], form) for _, step in rows]
    wide = max(len(name), *map(len, scores))
    yield f"  #  {'target':{column}}  {name:>{wide}}"
    for place, ((target, step), score) in enumerate(zip(rows, scores, strict=True), 1):
        out = f"  not available for {step['available_in_ms'] / 1000:.1f} s" if "available_in_ms" in step else ""
        cut = f"  answer cut to {step['max_tokens']} tokens" if "max_tokens" in step else ""
        yield f"{place:3}  {target:{column}}  {score:>{wide}}{out}{cut}"


def _words(reason: str) -> str:
    """What stands behind a colon is names, and stays."""
    word, colon, names = reason.partition(":")
    return _REASONS.get(word, word.replace("_", " ")) + colon + names


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _hanging_indent(start: str, text: str, width: int) -> Iterator[str]:
    """The text after `start`, its further lines below its first."""
    first, *further = wrap(text, max(width - len(start), MIN_COLUMN_WIDTH)) or [""]
    yield start + first
    yield from (" " * len(start) + line for line in further)
