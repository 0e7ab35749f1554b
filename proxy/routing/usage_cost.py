"""The cost of an answer by its usage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.config.snapshot import Target
from proxy.dialects.coerce import count_of


def usage_usd(target: Target, usage: Mapping[str, Any]) -> float | None:
    """Return the USD of an answer with that usage, in the hub's format, or None if the target's price is unknown."""
    price = target.price
    if price is None:
        return None
    prompt, completion = count_of(usage.get("prompt_tokens")), count_of(usage.get("completion_tokens"))
    details = usage.get("prompt_tokens_details")
    if not details or not isinstance(details, dict):
        return price.cost(prompt, completion)
    cached, cache_write = details.get("cached_tokens"), details.get("cache_write_tokens")
    return price.cost(
        prompt, completion, count_of(cached) if cached else 0, count_of(cache_write) if cache_write else 0
    )
