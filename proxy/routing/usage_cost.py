"""The cost of an answer by its usage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.config.snapshot import Target
from proxy.dialects.coerce import count_of, object_of


def usage_usd(target: Target, usage: Mapping[str, Any]) -> float | None:
    """Return the USD of an answer with that usage, in the hub's format, or None if the target's price is unknown."""
    if target.price is None:
        return None
    details = object_of(usage.get("prompt_tokens_details"))
    counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"), details.get("cached_tokens"),
              details.get("cache_write_tokens"))  # fmt: skip
    return target.price.cost(*map(count_of, counts))
