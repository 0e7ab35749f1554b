"""Google's search: the tool that stands for `web_search_options`, and the citations of its results."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate, islice
from typing import Any

from proxy.dialects.coerce import count_of, object_of, objects_of, text_of
from proxy.dialects.hub.web_search import MAX_CITATIONS, is_requested, search_location, url_citation

MAX_CITED_CHARS = 256 * 1024
"""Longer answers have no citations: the places of all their characters would be counted."""

Members = dict[str, Any]


def search_tools(body: Mapping[str, Any]) -> list[Members]:
    """Return the tool for a request that asks for a search, none for any other. Raises InvalidRequestError."""
    if not is_requested(body):
        return []
    search_location(body)
    return [{"googleSearch": {}}]


def grounded_citations(grounding: Any, content: str) -> list[Members]:
    """Return the citations of web pages in an answer's `groundingMetadata`."""
    if len(content) > MAX_CITED_CHARS:
        return []
    return list(islice(_annotations(object_of(grounding), _char_index(content)), MAX_CITATIONS))


def _annotations(grounding: Members, char_index: Callable[[int], int]) -> Iterator[Members]:
    pages = [object_of(chunk.get("web")) for chunk in objects_of(grounding.get("groundingChunks"))]
    for support in objects_of(grounding.get("groundingSupports")):
        segment, cited = object_of(support.get("segment")), support.get("groundingChunkIndices")
        start, end = (char_index(count_of(segment.get(name))) for name in ("startIndex", "endIndex"))
        for index in cited if isinstance(cited, list) else ():
            page = pages[index] if isinstance(index, int) and 0 <= index < len(pages) else {}
            if url := text_of(page.get("uri")):
                yield url_citation(url, text_of(page.get("title")), start, end)


def _char_index(content: str) -> Callable[[int], int]:
    """Return what turns a place in bytes, in which Google counts, into one in characters."""
    if content.isascii():
        return lambda at: min(at, len(content))
    ends = list(accumulate(len(char.encode("utf-8", "replace")) for char in content))
    return lambda at: bisect_left(ends, at) + (at > 0) if at <= ends[-1] else len(content)


class CitedText:
    """The text of a stream, which its citations count through, and the last `groundingMetadata`, which has all of them."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._grounding: Any = None

    def add(self, candidate: Mapping[str, Any], parts: Iterable[Mapping[str, Any]]) -> None:
        """Take the next piece of the answer."""
        self._grounding = candidate.get("groundingMetadata") or self._grounding
        if self._length <= MAX_CITED_CHARS:
            texts = [text_of(part.get("text")) for part in parts if not part.get("thought")]
            self._pieces += texts
            self._length += sum(map(len, texts))

    def annotations(self) -> list[Members]:
        """Return the citations of the whole answer."""
        return grounded_citations(self._grounding, "".join(self._pieces)) if self._grounding else []
