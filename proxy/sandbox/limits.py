"""OpenAI's limits on what a request may ask for, as errors in OpenAI's words. They bound the size of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.sandbox.contract import SimulatedError

MAX_CHOICES = 128
MAX_TOOLS = 128
MAX_TEXTS = 2048
"""Texts of an `input`, and choices of a text completion over all prompts."""

MAXIMA: Mapping[str, int] = {"n": MAX_CHOICES, "best_of": 20, "top_logprobs": 20, "partial_images": 3}
"""Member -> its largest value."""


def check_maxima(body: Mapping[str, Any], maxima: Mapping[str, int] = MAXIMA) -> None:
    """Raise SimulatedError for a number over its maximum."""
    for name, maximum in maxima.items():
        value = body.get(name)
        if isinstance(value, (int, float)) and value > maximum:
            what = f"integer above maximum value. Expected a value <= {maximum}, but got {value} instead."
            raise SimulatedError(400, f"Invalid '{name}': {what}", param=name, code="integer_above_max_value")


def check_length(body: Mapping[str, Any], name: str, maximum: int) -> None:
    """Raise SimulatedError for an array with too many items."""
    value = body.get(name)
    if isinstance(value, list) and len(value) > maximum:
        expected = (
            f"Expected an array with maximum length {maximum}, but got an array with length {len(value)} instead."
        )
        message = f"Invalid '{name}': array too long. {expected}"
        raise SimulatedError(400, message, param=name, code="array_above_max_length")
