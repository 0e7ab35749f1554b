"""What a provider sent, taken for what it should be: another shape counts as nothing, except where text would be lost."""

from __future__ import annotations

from typing import Any

from proxy.dialects.lenient_json import serialize
from proxy.errors import MalformedResponse


def object_of(value: Any) -> dict[str, Any]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def objects_of(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_of(value: Any) -> str:
    """The text, or an empty one."""
    return value if isinstance(value, str) else ""


def content_of(value: Any) -> str:
    """Return a text of the answer, "" for null. Raises MalformedResponse for any other type: content must not get lost."""
    if value is None or isinstance(value, str):
        return value or ""
    raise MalformedResponse("the provider sent a text that is not a string")


def arguments_of(value: Any) -> str:
    """A tool call's arguments as OpenAI has them: JSON as text, even where the provider sent the object itself."""
    if value is None or isinstance(value, str):
        return value or ""
    return serialize(value).decode()


def count_or_none(value: Any) -> int | None:
    """A number as a whole one, or None for what is not there."""
    return None if value is None else count_of(value)


def count_of(value: Any) -> int:
    """A number as a whole one, or 0 for what nobody can have counted."""
    if type(value) is int and 0 <= value < 2**63:  # as nearly all are
        return value
    return int(value) if isinstance(value, (int, float)) and 0 <= value < 2**63 else 0
