"""Reads `web_search_options`, and writes the citations of an answer that a search was made for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of
from proxy.dialects.hub.content import invalid_param

NAME = "web_search_options"
MAX_CITATIONS = 1_000
"""Of one answer. More are left out."""


def search_location(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return where the user is, such as `{"city": "Oslo"}`, or None if the request has no place. Raises InvalidRequestError."""
    options = body.get(NAME)
    if not isinstance(options, dict):
        raise invalid_param(NAME, "must be an object")
    location = options.get("user_location")
    if location is None:
        return None
    place = location.get("approximate") if isinstance(location, dict) else None
    if not isinstance(place, dict):
        raise invalid_param(f"{NAME}.user_location.approximate", "must be an object")
    return {name: value for name, value in place.items() if value is not None} or None


def is_requested(body: Mapping[str, Any]) -> bool:
    """Whether the request asks for a search."""
    return body.get(NAME) is not None


def unexpressed_options(body: Mapping[str, Any], *expressed: str) -> tuple[str, ...]:
    """Return which members of the options are set, but for these."""
    options = object_of(body.get(NAME))
    return tuple(name for name, value in options.items() if value is not None and name not in expressed)


def url_citation(url: str, title: str, start: int, end: int) -> dict[str, Any]:
    """Return the annotation of the characters from `start` up to `end` of the content."""
    return {
        "type": "url_citation",
        "url_citation": {"start_index": start, "end_index": end, "title": title, "url": url},
    }
