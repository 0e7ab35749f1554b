"""Reads how much reasoning a request asks for, in any of the usual members: an effort, or a budget of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from proxy.dialects.coerce import object_of, text_of

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""OpenAI's efforts, in ascending order."""

REASONING_PARAMS = frozenset({"reasoning", "reasoning_effort", "thinking"})
"""Members of a request that control reasoning: OpenAI's, OpenRouter's and Anthropic's."""

_EFFORT_OF_TYPE = {"disabled": "none", "enabled": "medium", "adaptive": "high"}
"""The type of `thinking` -> the effort that it stands for if it has no budget."""
_EFFORT_OF_BUDGET = ((1_024, "low"), (8_192, "medium"))
"""The largest budget of an effort. Any larger one is `high`."""


class Reasoning(NamedTuple):
    """How much a model is to reason."""

    effort: str
    """One of EFFORTS."""
    budget: int | None = None
    """Tokens, if the caller set them."""

    @property
    def is_off(self) -> bool:
        """Whether the model is not to reason."""
        return self.effort == "none"


def requested_reasoning(body: Mapping[str, Any]) -> Reasoning | None:
    """Return what the request asks for, or None if it leaves that to the model or asks for something unknown."""
    if REASONING_PARAMS.isdisjoint(body):
        return None
    general, thinking = object_of(body.get("reasoning")), object_of(body.get("thinking"))
    budget = _budget(general.get("max_tokens")) or _budget(thinking.get("budget_tokens"))
    named = text_of(body.get("reasoning_effort")) or text_of(general.get("effort"))
    if not named and thinking.get("type") == "disabled":
        named = "none"
    effort = named or (effort_of_budget(budget) if budget else _EFFORT_OF_TYPE.get(text_of(thinking.get("type")), ""))
    return Reasoning(effort, budget) if effort in EFFORTS else None


def asked_params(body: Mapping[str, Any]) -> list[str]:
    """Return the members of the request that ask for reasoning: none if they turn it off."""
    reasoning = requested_reasoning(body)
    if reasoning is not None and reasoning.is_off:
        return []
    return [name for name in body if name in REASONING_PARAMS and body[name] is not None]


def effort_of_budget(budget: int) -> str:
    """Return the effort that is closest to a budget of tokens."""
    return next((effort for most, effort in _EFFORT_OF_BUDGET if budget <= most), "high")


def nearest_effort(effort: str, allowed: tuple[str, ...]) -> str:
    """Return the strongest of the allowed efforts that is not above the effort, else the weakest. They are in ascending order."""
    weaker = [each for each in allowed if EFFORTS.index(each) <= EFFORTS.index(effort)]
    return weaker[-1] if weaker else allowed[0]


def _budget(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None
