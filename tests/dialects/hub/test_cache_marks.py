"""Marks for Anthropic's cache are removed from tools, wherever they are."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.cache_marks import unmarked_tools

MARK = {"cache_control": {"type": "ephemeral"}}
F: dict[str, Any] = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize("marked", [{**F, **MARK}, {"type": "function", "function": {"name": "f", **MARK}}])
def test_a_marked_tool_is_without_it(marked: Any) -> None:
    assert unmarked_tools({"tools": [F, marked, 5]}) == {"tools": [F, F, 5]}


def test_a_tool_of_another_type_keeps_its_members() -> None:
    assert unmarked_tools({"tools": [{"type": "web_search", **MARK}]}) == {"tools": [{"type": "web_search"}]}


@pytest.mark.parametrize("tools", [None, 5, [], [F], [5]])
def test_nothing_changes_without_a_mark(tools: Any) -> None:
    assert unmarked_tools({"tools": tools}) == {}
