"""Google's citations, which count in bytes, come in characters, and only as far as they are what they should be."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.google.web_search import MAX_CITED_CHARS, CitedText, grounded_citations, search_tools

PAGES = [{"web": {"uri": "https://a.test", "title": "A"}}, {"maps": {}}, {"web": {"uri": "https://b.test"}}]


def support(start: Any, end: Any, *cited: Any) -> dict[str, Any]:
    return {"segment": {"startIndex": start, "endIndex": end}, "groundingChunkIndices": list(cited)}


def places(text: str, *supports: Any) -> list[tuple[str, int, int]]:
    found = grounded_citations({"groundingChunks": PAGES, "groundingSupports": list(supports)}, text)
    citations = [each["url_citation"] for each in found]
    return [(each["url"], each["start_index"], each["end_index"]) for each in citations]


def test_each_support_cites_its_pages() -> None:
    assert places("Hello", support(0, 4, 0, 2)) == [("https://a.test", 0, 4), ("https://b.test", 0, 4)]


@pytest.mark.parametrize("text", ["Hello you", "Grüße an 🦜 dich", "🦜🦜"])
def test_places_are_those_of_characters(text: str) -> None:
    for start in range(len(text) + 1):
        at = len(text[:start].encode())
        assert places(text, support(at, len(text.encode()), 0)) == [("https://a.test", start, len(text))]


@pytest.mark.parametrize("cited", [[1], [9], [-1], ["0"], [None]])
def test_what_is_no_page_is_left_out(cited: list[Any]) -> None:
    assert places("Hello", support(0, 4, *cited)) == []


@pytest.mark.parametrize("grounding", [None, 5, {}, {"groundingSupports": 5}, {"groundingSupports": [{"segment": 5}]}])
def test_metadata_of_another_shape_has_no_citations(grounding: Any) -> None:
    assert grounded_citations(grounding, "Hello") == []


def test_places_are_within_the_text() -> None:
    for text in ("Hello", "Grüße"):
        assert places(text, support("x", 999, 0)) == [("https://a.test", 0, 5)]


def test_long_answers_have_no_citations_and_the_number_is_bounded() -> None:
    assert places("x" * (MAX_CITED_CHARS + 1), support(0, 4, 0)) == []
    assert len(places("Hello", *[support(0, 4, 0)] * 5_000)) == 1_000


def test_a_stream_cites_its_whole_text_by_the_last_metadata() -> None:
    cited = CitedText()
    cited.add({}, [{"text": "thought", "thought": True}, {"text": "Grü"}])
    cited.add({"groundingMetadata": {"groundingChunks": []}}, [{"text": "ße"}])
    grounding = {"groundingChunks": PAGES, "groundingSupports": [support(0, 7, 0)]}
    cited.add({"groundingMetadata": grounding}, [])
    (annotation,) = cited.annotations()
    assert annotation["url_citation"]["end_index"] == 5
    assert CitedText().annotations() == []


def test_only_a_request_for_a_search_has_the_tool() -> None:
    assert search_tools({}) == [] and search_tools({"web_search_options": {}}) == [{"googleSearch": {}}]
