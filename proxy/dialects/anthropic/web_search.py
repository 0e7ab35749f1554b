"""Anthropic's web search: the tool that stands for `web_search_options`, and the citations of its results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.dialects.anthropic.tables import TOOL_NAME
from proxy.dialects.coerce import objects_of, text_of
from proxy.dialects.hub.web_search import MAX_CITATIONS, search_location, url_citation
from proxy.dialects.names import UniqueNames

_NAME = "web_search"
_TYPE = "web_search_20250305"
_CITATION = "web_search_result_location"

Members = dict[str, Any]


def with_free_name(provider_names: Mapping[str, str]) -> dict[str, str]:
    """Return the names of the caller's tools, none of which is that of the search."""
    unique = UniqueNames(TOOL_NAME, provider_names.values())
    return {name: unique.assign(_NAME) if sent == _NAME else sent for name, sent in provider_names.items()}


def add_search(tools: Members, body: Mapping[str, Any]) -> Members:
    """Return `tools` and `tool_choice` with the search, which may be used even if the caller offers no tool."""
    location = search_location(body)
    placed = {} if location is None else {"user_location": {"type": "approximate", **location}}
    choice = {name: value for name, value in tools.items() if name == "tool_choice" and body.get("tools")}
    return {"tools": [*tools.get("tools", ()), {"type": _TYPE, "name": _NAME, **placed}], **choice}


def message_annotations(blocks: Iterable[Members]) -> list[Members]:
    """Return the citations of a message's texts, by the place of their text in the content."""
    found: list[Members] = []
    end = 0
    for block in blocks:
        if block.get("type") == "text":
            start, end = end, end + len(text_of(block.get("text")))
            found += url_citations(objects_of(block.get("citations")), start, end)
    return found[:MAX_CITATIONS]


def url_citations(citations: Iterable[Members], start: int, end: int) -> list[Members]:
    """Return the citations of web pages of one text."""
    return [
        url_citation(text_of(each.get("url")), text_of(each.get("title")), start, end)
        for each in citations
        if each.get("type") == _CITATION
    ]


class StreamedCitations:
    """The citations of the text that a stream is in."""

    def __init__(self) -> None:
        self._start = 0
        self._citations: list[Members] = []
        self._sent = 0

    def open(self, length: int) -> None:
        """Take the begin of a text, after so many characters of the content."""
        self._start, self._citations = length, []

    def add(self, delta: Mapping[str, Any]) -> None:
        """Take a delta."""
        if delta.get("type") == "citations_delta" and self._sent + len(self._citations) < MAX_CITATIONS:
            self._citations += objects_of([delta.get("citation")])

    def close(self, length: int) -> list[Members]:
        """Return the annotations of the text, which ends after so many characters of the content."""
        found, self._citations = url_citations(self._citations, self._start, length), []
        self._sent += len(found)
        return found
