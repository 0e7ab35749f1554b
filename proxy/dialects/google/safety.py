"""Safety settings: what the caller may write in X-Google-Safety-Settings, and as `safety_settings` in the body."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from proxy.errors import InvalidHeaderError, InvalidRequestError

HEADER = "X-Google-Safety-Settings"
CATEGORY_MAPPED_WARNING = "safety-category-mapped"

CATEGORIES = (
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_CIVIC_INTEGRITY",
)
THRESHOLDS = (
    "BLOCK_LOW_AND_ABOVE",
    "BLOCK_MEDIUM_AND_ABOVE",
    "BLOCK_ONLY_HIGH",
    "BLOCK_NONE",
    "OFF",
    "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
)

# The names of the older PaLM API, which are still written, and the category that covers each today.
_MISNOMERS = {
    "HARM_CATEGORY_DANGEROUS": "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_DEROGATORY": "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_HATE": "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_MEDICAL": "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_SEXUAL": "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_TOXICITY": "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_VIOLENCE": "HARM_CATEGORY_DANGEROUS_CONTENT",
}
# Civic integrity is deprecated: it is set where it is named, not where everything is meant.
_ALL = CATEGORIES[:4]


@dataclass(frozen=True, slots=True)
class SafetySettings:
    """Gemini's `safetySettings`, each category once, and the warnings about what was asked for."""

    settings: tuple[dict[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


def parse_header(text: str) -> SafetySettings:
    """The header's JSON: one threshold for the named categories, or for all four. Raises InvalidHeaderError."""
    try:
        return _safety(_object(orjson.loads(text)))
    except ValueError as error:  # JSONDecodeError is one
        what = f"{text[:100]!r} is not JSON" if isinstance(error, orjson.JSONDecodeError) else str(error)
        raise InvalidHeaderError(f"{HEADER}: {what}", param=HEADER) from error


def parse_body_member(value: Any) -> SafetySettings:
    """The body's member: the header's object, or Gemini's own list. Raises InvalidRequestError."""
    try:
        return _safety(_listed(value) if isinstance(value, list) else _object(value))
    except ValueError as error:
        raise InvalidRequestError(f"safety_settings: {error}", param="safety_settings") from error


def _object(value: Any) -> list[tuple[Any, Any]]:
    if not isinstance(value, dict) or value.keys() - {"harm_block_threshold", "categories"}:
        raise ValueError(f"{value!r:.100} is not an object with `harm_block_threshold` and `categories`")
    categories = value.get("categories") or list(_ALL)
    listed = categories if isinstance(categories, list) else [categories]
    return [(category, value.get("harm_block_threshold")) for category in listed]


def _listed(value: list[Any]) -> list[tuple[Any, Any]]:
    if not all(isinstance(item, dict) for item in value):
        raise ValueError(f"{value!r:.100} is not a list of objects with `category` and `threshold`")
    return [(item.get("category"), item.get("threshold")) for item in value]


def _safety(asked: Iterable[tuple[Any, Any]]) -> SafetySettings:
    """The first mention of a category counts: Gemini refuses a category that comes twice."""
    settings: dict[str, str] = {}
    mapped = False
    for category, threshold in asked:
        known = _MISNOMERS.get(str(category), str(category))
        _check("category", known, CATEGORIES)
        _check("threshold", str(threshold), THRESHOLDS)
        mapped = mapped or known != category
        settings.setdefault(known, threshold)
    listed = tuple({"category": category, "threshold": threshold} for category, threshold in settings.items())
    return SafetySettings(listed, (CATEGORY_MAPPED_WARNING,) if mapped else ())


def _check(kind: str, value: str, valid: tuple[str, ...]) -> None:
    if value not in valid:
        raise ValueError(f"{kind} {value[:100]!r} is unknown; valid are {', '.join(valid)}")
