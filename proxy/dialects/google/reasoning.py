"""Translates how much a request asks the model to reason into Gemini's `thinkingConfig`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.google.tables import BUDGETS, GEMINI_3, LEVEL_EXCEPTIONS, LEVELS, THINKERS, BudgetRange, generation
from proxy.dialects.hub.reasoning import Reasoning, asked_params, requested_reasoning


def thinking_config(body: Mapping[str, Any], model: str) -> dict[str, Any] | None:
    """Return `thinkingConfig`, with a budget or a level, as Gemini rejects both. None to leave it to the model."""
    reasoning = requested_reasoning(body)
    limits = _limits(model)
    if reasoning is None or limits is None:
        return None
    shown = {} if reasoning.is_off else {"includeThoughts": True}
    if generation(model) >= GEMINI_3 and reasoning.budget is None:
        return {"thinkingLevel": _level(reasoning.effort, model), **shown}
    return {"thinkingBudget": _budget(reasoning, limits), **shown}


def unsupported_reasoning(body: Mapping[str, Any], model: str) -> list[str]:
    """Return the parameters that ask for reasoning, if the model does not reason or they ask for something unknown."""
    is_known = requested_reasoning(body) is not None and _limits(model) is not None
    return [] if is_known else asked_params(body)


def _limits(model: str) -> BudgetRange | None:
    return next((limits for pattern, limits in THINKERS if pattern.search(model)), None)


def _level(effort: str, model: str) -> str:
    levels = next((levels for pattern, levels in LEVEL_EXCEPTIONS if pattern.search(model)), {})
    return levels.get(effort) or LEVELS[effort]


def _budget(reasoning: Reasoning, limits: BudgetRange) -> int:
    if reasoning.is_off:
        return 0 if limits.can_be_off else limits.low
    wanted = reasoning.budget or BUDGETS[reasoning.effort]
    return min(max(wanted, limits.low), limits.high)
