"""Names the parameters of a chat request that OpenAI, or the model's family, rejects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.hub.params import is_default
from proxy.dialects.hub.reasoning import REASONING_PARAMS, nearest_effort, requested_reasoning
from proxy.dialects.openai.tables import (
    EFFORTS,
    FIXED_BY_REASONING,
    FIXED_WITHOUT_EFFORT,
    FOREIGN_PARAMS,
    NO_REASONING_MODELS,
    NO_REASONING_PARAMS,
    OPTIONAL_REASONING_MODELS,
    REASONING_MODELS,
    SAMPLED_MODELS,
)

_OTHER_ENDPOINTS = frozenset({"input", "prompt"})
"""Members that requests to other endpoints have. Those are not checked."""


_EXPRESSED = REASONING_PARAMS - {"reasoning_effort"}
"""Other providers' members that become `reasoning_effort`."""


def unsupported_params(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """Return the requested parameters that the model does not support."""
    if not _OTHER_ENDPOINTS.isdisjoint(body):
        return ()
    effort = effort_change(body, model)
    rejected = _rejected(effort or body.get("reasoning_effort"), model) - (_EXPRESSED if effort else frozenset())
    return tuple(name for name in body if name in rejected and not _has_no_effect(name, body[name]))


def effort_change(body: Mapping[str, Any], model: str) -> str | None:
    """Return the `reasoning_effort` to send if it changes: to one that the model accepts, or from another provider's member."""
    allowed = next((efforts for pattern, efforts in EFFORTS if pattern.match(model)), None)
    reasoning = requested_reasoning(body)
    if allowed is None or SAMPLED_MODELS.match(model) or reasoning is None:
        return None
    effort = nearest_effort(reasoning.effort, allowed)
    return effort if effort != body.get("reasoning_effort") else None


def effort_warnings(body: Mapping[str, Any], effort: str | None) -> tuple[str, ...]:
    """Return the warning for an effort that the model does not accept."""
    asked = requested_reasoning(body)
    is_other = effort is not None and asked is not None and asked.effort != effort
    return (f"param-clamped;name=reasoning_effort;value={effort}",) if is_other else ()


def _rejected(effort: Any, model: str) -> frozenset[str]:
    if NO_REASONING_MODELS.match(model) or SAMPLED_MODELS.match(model):
        return FOREIGN_PARAMS | NO_REASONING_PARAMS
    if not REASONING_MODELS.match(model):
        return FOREIGN_PARAMS
    is_off = OPTIONAL_REASONING_MODELS.match(model) and effort == "none"
    return FOREIGN_PARAMS | FIXED_BY_REASONING | (frozenset() if is_off else FIXED_WITHOUT_EFFORT)


def _has_no_effect(name: str, value: Any) -> bool:
    return is_default(name, value) or (name in ("temperature", "top_p") and value == 1)
