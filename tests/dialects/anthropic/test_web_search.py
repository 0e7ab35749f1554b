"""Anthropic's search stands beside the caller's tools, and its citations are those of the text they are in."""

from __future__ import annotations

from typing import Any

from proxy.dialects.anthropic.web_search import StreamedCitations, add_search, message_annotations, with_free_name

CITED = {"type": "web_search_result_location", "url": "https://a.test", "title": None, "cited_text": "x"}
OTHER = {"type": "char_location", "document_index": 0}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}


def asked(**members: Any) -> dict[str, Any]:
    return {"web_search_options": {}, **members}


def places(annotations: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(each["url_citation"]["start_index"], each["url_citation"]["end_index"]) for each in annotations]


def test_the_search_is_behind_the_callers_tools() -> None:
    tools = {"tools": [{"name": "f"}], "tool_choice": {"type": "any"}}
    assert add_search(tools, asked(tools=[{}])) == {**tools, "tools": [{"name": "f"}, SEARCH]}
    assert add_search({}, asked()) == {"tools": [SEARCH]}


def test_tools_of_the_history_do_not_forbid_the_search() -> None:
    assert add_search({"tools": [{"name": "f"}], "tool_choice": {"type": "none"}}, asked()) == {
        "tools": [{"name": "f"}, SEARCH]
    }


def test_a_tool_of_the_same_name_gets_another() -> None:
    names = with_free_name({"f": "f", "web_search": "web_search"})
    assert names["f"] == "f" and names["web_search"].startswith("web_search_")


def test_citations_have_the_place_of_their_text_in_the_content() -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "text", "text": "I search."},
        {"type": "server_tool_use", "text": "no text"},
        {"type": "text", "text": "Grüße 🦜", "citations": [CITED, OTHER, 5, CITED]},
        {"type": "text", "text": ".", "citations": None},
        {"type": "text", "text": "More", "citations": [CITED]},
    ]
    assert places(message_annotations(blocks)) == [(9, 16), (9, 16), (17, 21)]
    assert len(message_annotations([{"type": "text", "text": "x", "citations": [CITED] * 5_000}])) == 1_000


def test_a_stream_has_them_at_the_end_of_their_text() -> None:
    cited = StreamedCitations()
    assert cited.close(0) == []
    cited.open(3)
    cited.add({"type": "citations_delta", "citation": CITED})
    cited.add({"type": "citations_delta", "citation": 5})
    cited.add({"type": "signature_delta"})
    assert places(cited.close(8)) == [(3, 8)] and cited.close(8) == []
    for _ in range(5):
        cited.open(8)
        for _ in range(500):
            cited.add({"type": "citations_delta", "citation": CITED})
        last = cited.close(9)
    assert last == []
