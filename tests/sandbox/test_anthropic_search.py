"""The simulated search takes what Anthropic's does."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.sandbox.anthropic_search import check_search, citation, search_blocks, searches
from proxy.sandbox.contract import SimulatedError

SEARCH = {"type": "web_search_20250305", "name": "web_search"}


@pytest.mark.parametrize(
    "body",
    [
        {"tools": [{**SEARCH, "name": "search"}]},
        {"tools": [{**SEARCH, "search_context_size": "high"}]},
        {"tools": [{**SEARCH, "user_location": {"type": "exact"}}]},
        {"tools": [{**SEARCH, "user_location": {"type": "approximate", "approximate": {}}}]},
        {"tools": [SEARCH], "output_config": {"format": {"type": "json_schema"}}},
    ],
)
def test_an_invalid_search_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(SimulatedError):
        check_search(body)


def test_a_valid_search_is_taken_and_finds_a_page() -> None:
    body = {"tools": [{"name": "f"}, {**SEARCH, "user_location": {"type": "approximate", "city": "Oslo"}}]}
    check_search(body)
    assert searches(body) and not searches({"tools": [{"name": "f"}]})
    use, result = search_blocks("srvtoolu_1")
    assert use["id"] == result["tool_use_id"] == "srvtoolu_1"
    assert result["content"][0]["url"] == citation("text")["url"]
