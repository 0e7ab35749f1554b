"""Parses safety settings from the X-Google-Safety-Settings header and from `safety_settings` in the body."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from proxy.dialects.contract import CallerRequest
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

# Category names of the older PaLM API, which callers still use -> the current category.
_PALM_CATEGORIES = {
    "HARM_CATEGORY_DANGEROUS": "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_DEROGATORY": "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_HATE": "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_MEDICAL": "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_SEXUAL": "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_TOXICITY": "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_VIOLENCE": "HARM_CATEGORY_DANGEROUS_CONTENT",
}
# Civic integrity is deprecated, so it is set only if named.
_DEFAULT_CATEGORIES = CATEGORIES[:4]


@dataclass(frozen=True, slots=True)
class SafetySettings:
    """Gemini's `safetySettings`, each category once, with the routing warnings they caused."""

    settings: tuple[dict[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


def requested_settings(call: CallerRequest) -> SafetySettings:
    """Return the settings of the header, otherwise those of the body. Raises InvalidRequestError."""
    from_header: SafetySettings | None = call.dialect_options.get("safety_settings")
    if from_header is not None:
        return from_header
    value = call.body.get("safety_settings")
    return SafetySettings() if value is None else parse_body_member(value)


def parse_header(text: str) -> SafetySettings:
    """Parse the header's JSON: one threshold for the named categories, or for all four. Raises InvalidHeaderError."""
    try:
        return _deduplicate(_from_object(orjson.loads(text)))
    except ValueError as error:  # includes JSONDecodeError
        what = f"{text[:100]!r} is not JSON" if isinstance(error, orjson.JSONDecodeError) else str(error)
        raise InvalidHeaderError(f"{HEADER}: {what}", param=HEADER) from error


def parse_body_member(value: Any) -> SafetySettings:
    """Parse `safety_settings` of the body: the header's object, or Gemini's own list. Raises InvalidRequestError."""
    try:
        return _deduplicate(_from_list(value) if isinstance(value, list) else _from_object(value))
    except ValueError as error:
        raise InvalidRequestError(f"safety_settings: {error}", param="safety_settings") from error


def _from_object(value: Any) -> list[tuple[Any, Any]]:
    if not isinstance(value, dict) or value.keys() - {"harm_block_threshold", "categories"}:
        raise ValueError(f"{value!r:.100} is not an object with `harm_block_threshold` and `categories`")
    categories = value.get("categories") or list(_DEFAULT_CATEGORIES)
    entries = categories if isinstance(categories, list) else [categories]
    return [(category, value.get("harm_block_threshold")) for category in entries]


def _from_list(value: list[Any]) -> list[tuple[Any, Any]]:
    if not all(isinstance(item, dict) for item in value):
        raise ValueError(f"{value!r:.100} is not a list of objects with `category` and `threshold`")
    return [(item.get("category"), item.get("threshold")) for item in value]


def _deduplicate(pairs: Iterable[tuple[Any, Any]]) -> SafetySettings:
    """Validate (category, threshold) pairs. The first threshold of a category applies, as Gemini rejects duplicates."""
    settings: dict[str, str] = {}
    mapped = False
    for category, threshold in pairs:
        category_name = _PALM_CATEGORIES.get(str(category), str(category))
        _check("category", category_name, CATEGORIES)
        _check("threshold", str(threshold), THRESHOLDS)
        mapped = mapped or category_name != category
        settings.setdefault(category_name, threshold)
    entries = tuple({"category": category, "threshold": threshold} for category, threshold in settings.items())
    return SafetySettings(entries, (CATEGORY_MAPPED_WARNING,) if mapped else ())


def _check(kind: str, value: str, valid: tuple[str, ...]) -> None:
    if value not in valid:
        raise ValueError(f"{kind} {value[:100]!r} is unknown; valid are {', '.join(valid)}")
