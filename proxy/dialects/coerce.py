"""Defensive casts for provider JSON: a value of the wrong type becomes the empty value of the right one.

The exception is text of the answer (`content_of`): dropping it would be silent loss, so the wrong type is an error.
"""

from __future__ import annotations

from typing import Any

from proxy.dialects.lenient_json import serialize
from proxy.errors import MalformedResponse


def object_of(value: Any) -> dict[str, Any]:
    """Return the value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects_of(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list, or [] for any other value."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_of(value: Any) -> str:
    """Return the value if it is a string, else ""."""
    return value if isinstance(value, str) else ""


def content_of(value: Any) -> str:
    """Return a text of the answer, "" for null. Raises MalformedResponse for any other type."""
    if value is None or isinstance(value, str):
        return value or ""
    raise MalformedResponse("the provider sent a text that is not a string")


def arguments_of(value: Any) -> str:
    """Return a tool call's arguments as JSON text, as OpenAI has them. Some providers send the object itself."""
    if value is None or isinstance(value, str):
        return value or ""
    return serialize(value).decode()


def count_or_none(value: Any) -> int | None:
    """Return a count as an integer, or None if it is missing."""
    return None if value is None else count_of(value)


def count_of(value: Any) -> int:
    """Return a count as an integer, or 0 for anything but a number from 0 to 2**63."""
    if type(value) is int and 0 <= value < 2**63:  # the common case, without isinstance
        return value
    return int(value) if isinstance(value, (int, float)) and 0 <= value < 2**63 else 0
