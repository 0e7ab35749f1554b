"""What a request for a web search asks for is read, or named where it is malformed."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.web_search import is_requested, search_location, unexpressed_options, url_citation
from proxy.errors import InvalidRequestError


def asked(options: Any) -> dict[str, Any]:
    return {"web_search_options": options}


@pytest.mark.parametrize(
    ("options", "location"),
    [
        ({}, None),
        ({"user_location": None}, None),
        ({"user_location": {"approximate": {}}}, None),
        ({"user_location": {"type": "approximate", "approximate": {"city": "Oslo", "region": None}}}, {"city": "Oslo"}),
    ],
)
def test_the_place_of_the_user(options: Any, location: Any) -> None:
    assert search_location(asked(options)) == location


@pytest.mark.parametrize("options", [True, [], {"user_location": "Oslo"}, {"user_location": {"approximate": "Oslo"}}])
def test_malformed_options_are_an_error(options: Any) -> None:
    with pytest.raises(InvalidRequestError, match="web_search_options"):
        search_location(asked(options))


def test_options_are_listed_only_where_they_are_set() -> None:
    assert unexpressed_options(asked({"a": 1, "b": None, "filters": {}}), "a", "b", "c") == ("filters",)
    assert unexpressed_options({}) == unexpressed_options(asked(5)) == ()
    assert is_requested(asked({})) and not is_requested(asked(None)) and not is_requested({})


def test_a_citation_is_openais() -> None:
    assert url_citation("https://x.test", "X", 1, 2) == {
        "type": "url_citation",
        "url_citation": {"url": "https://x.test", "title": "X", "start_index": 1, "end_index": 2},
    }
