"""Translates `thinking` and `output_config.effort` into the hub's `reasoning_effort`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.hub.reasoning import effort_of_budget

EFFORTS = ("low", "medium", "high", "xhigh", "max")
_ADAPTIVE = ("adaptive", "between_tools")


def reasoning_effort(body: Mapping[str, Any]) -> str | None:
    """Return the effort, None where the request does not ask the model to think.

    An effort without thinking says how long the answer should be, for which the hub has no word.
    """
    thinking = object_of(body.get("thinking"))
    kind, effort = thinking.get("type"), text_of(object_of(body.get("output_config")).get("effort"))
    if kind in _ADAPTIVE:
        return effort if effort in EFFORTS else "medium"
    if kind != "enabled":
        return None
    budget = thinking.get("budget_tokens")
    return effort_of_budget(budget) if isinstance(budget, int) else "medium"


def thinking_display(body: Mapping[str, Any]) -> str | None:
    """Return how the answer shows what the model thinks: `summarized`, `omitted` (signed blocks without text) or not, None."""
    thinking = object_of(body.get("thinking"))
    if thinking.get("type") not in ("enabled", *_ADAPTIVE):
        return None
    return "omitted" if thinking.get("display") == "omitted" else "summarized"
