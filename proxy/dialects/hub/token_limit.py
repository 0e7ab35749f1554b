"""The caller's limit of output tokens, lowered to the model's maximum where a table knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def requested_limit(body: Mapping[str, Any]) -> Any:
    """Return `max_completion_tokens`, or else `max_tokens`, or None."""
    limit = body.get("max_completion_tokens")
    return body.get("max_tokens") if limit is None else limit


def exceeds(limit: Any, most: int | None) -> bool:
    """Whether the limit is above the model's maximum, None if that is not known."""
    return most is not None and isinstance(limit, (int, float)) and limit > most


def clamped_limit(body: Mapping[str, Any], most: int | None) -> Any:
    """Return the requested limit, or the maximum if it is above it."""
    limit = requested_limit(body)
    return most if exceeds(limit, most) else limit


def limit_warnings(body: Mapping[str, Any], most: int | None) -> tuple[str, ...]:
    """Return the warning for a limit that is lowered."""
    return (f"max-tokens-clamped;value={most}",) if exceeds(requested_limit(body), most) else ()


def most_tokens(model: str, table: Mapping[str, int]) -> int | None:
    """Return the maximum of the longest prefix of the model's name in a table, or None if none is in it."""
    prefix = max(filter(model.startswith, table), key=len, default=None)
    return None if prefix is None else table[prefix]
