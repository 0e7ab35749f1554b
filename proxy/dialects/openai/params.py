"""Names the parameters of a chat request that OpenAI, or the model's family, rejects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.hub.params import is_default
from proxy.dialects.openai.tables import (
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


def unsupported_params(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """Return the requested parameters that the model does not support."""
    if not _OTHER_ENDPOINTS.isdisjoint(body):
        return ()
    rejected = _rejected(body, model)
    return tuple(name for name in body if name in rejected and not _has_no_effect(name, body[name]))


def _rejected(body: Mapping[str, Any], model: str) -> frozenset[str]:
    if NO_REASONING_MODELS.match(model):
        return FOREIGN_PARAMS | NO_REASONING_PARAMS
    if not REASONING_MODELS.match(model) or SAMPLED_MODELS.match(model):
        return FOREIGN_PARAMS
    has_no_effort = OPTIONAL_REASONING_MODELS.match(model) and body.get("reasoning_effort") == "none"
    return FOREIGN_PARAMS | FIXED_BY_REASONING | (frozenset() if has_no_effort else FIXED_WITHOUT_EFFORT)


def _has_no_effect(name: str, value: Any) -> bool:
    return is_default(name, value) or (name in ("temperature", "top_p") and value == 1)
