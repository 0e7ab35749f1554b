"""What a provider sent, taken for what it should be: another shape counts as nothing, so that no answer can trip us."""

from __future__ import annotations

from typing import Any


def object_of(value: Any) -> dict[str, Any]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def objects_of(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_of(value: Any) -> str:
    """The text, or an empty one."""
    return value if isinstance(value, str) else ""


def count_of(value: Any) -> int:
    """A number as a whole one, or 0 for what nobody can have counted."""
    return int(value) if isinstance(value, (int, float)) and 0 <= value < 2**63 else 0
