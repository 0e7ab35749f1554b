"""Merges the usage of several events of one answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merge_usage(earlier: Mapping[str, Any] | None, later: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return both: counts are cumulative, so the later one counts, but 0 or null means that it was not repeated."""
    if not earlier or not later:
        return dict(later or earlier or {}) or None
    return {**earlier, **{name: _later(earlier.get(name), value) for name, value in later.items()}}


def _later(earlier: Any, later: Any) -> Any:
    if isinstance(earlier, Mapping) and isinstance(later, Mapping):
        return merge_usage(earlier, later) or {}
    return later if later or earlier is None else earlier
