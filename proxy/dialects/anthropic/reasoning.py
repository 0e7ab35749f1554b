"""Translates how much a request asks the model to reason into `thinking` and `output_config.effort`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from proxy.dialects.anthropic.tables import BUDGETS, MIN_BUDGET, Thinking, model_capabilities
from proxy.dialects.anthropic.thinking import has_open_call_without_thinking
from proxy.dialects.hub.reasoning import Reasoning, asked_params, nearest_effort, requested_reasoning
from proxy.dialects.hub.token_limit import requested_limit


class ThinkingPlan(NamedTuple):
    """What a request says about thinking."""

    member: dict[str, Any] | None = None
    """Its member `thinking`, None to leave that to the model."""
    effort: str | None = None
    """Its `output_config.effort`."""
    is_on: bool = False
    """Whether the model may think, so that the history keeps the blocks of earlier thinking."""
    restricts: bool = False
    """Whether thinking excludes `temperature`, `top_p`, prefill and a forced tool."""
    dropped: tuple[str, ...] = ()
    """Parameters that cannot be kept."""


def plan_thinking(body: Mapping[str, Any], name: str, *, forces_tool: bool) -> ThinkingPlan:
    """Return what to send to the model of that name. `forces_tool`: the request requires the call of a tool."""
    reasoning, model = requested_reasoning(body), model_capabilities(name).thinking
    if model is None or reasoning is None:
        dropped = tuple(asked_params(body))
        return ThinkingPlan(is_on=model is not None and model.off is None, dropped=dropped)
    if reasoning.is_off:
        return _off(model)
    member = _member(model, reasoning, body)
    if member is None or (model.restricts and _conflicts(body, name, forces_tool)):
        return _off(model)._replace(dropped=tuple(asked_params(body)))
    effort = nearest_effort(reasoning.effort, model.efforts) if model.efforts else None
    return ThinkingPlan(member, effort, is_on=True, restricts=model.restricts)


def _off(model: Thinking) -> ThinkingPlan:
    """Turn thinking off, or down as far as the model allows."""
    if model.off is None:
        return ThinkingPlan(effort=model.efforts[0], is_on=True)
    return ThinkingPlan({"type": model.off} if model.off else None)


def _member(model: Thinking, reasoning: Reasoning, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return `thinking`, or None if its budget does not fit into the limit of output tokens."""
    if model.efforts:
        return {"type": "adaptive", **({"display": model.display} if model.display else {})}
    budget, limit = max(reasoning.budget or BUDGETS[reasoning.effort], MIN_BUDGET), requested_limit(body)
    if isinstance(limit, (int, float)) and (reasoning.budget is None or budget >= limit):
        budget = min(budget, int(limit // 2))  # the rest is for the answer
    return {"type": "enabled", "budget_tokens": budget} if budget >= MIN_BUDGET else None


def _conflicts(body: Mapping[str, Any], name: str, forces_tool: bool) -> bool:
    messages = body["messages"] if isinstance(body.get("messages"), list) else []
    last = messages[-1] if messages else None
    is_prefill = isinstance(last, dict) and last.get("role") == "assistant"
    return forces_tool or is_prefill or has_open_call_without_thinking(messages, name)
