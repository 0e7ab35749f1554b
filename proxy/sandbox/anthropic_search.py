"""Anthropic's web search: what a request may have of it, and what an answer has after a simulated search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.sandbox.contract import SimulatedError

PAGE: Mapping[str, str] = {"url": "https://example.com/parrots", "title": "Parrots"}
"""The page that every search finds."""

_TYPES = ("web_search_20250305", "web_search_20260209", "web_search_20260318")
_MEMBERS = frozenset({
    "type", "name", "allowed_callers", "allowed_domains", "blocked_domains", "cache_control", "defer_loading", "max_uses",
    "strict", "user_location",
})  # fmt: skip
_LOCATION = frozenset(["type", "city", "country", "region", "timezone"])

Block = dict[str, Any]


def searches(body: Mapping[str, Any]) -> bool:
    """Whether a request has the tool."""
    return any(tool.get("type") in _TYPES for tool in body.get("tools") or ())


def check_search(body: Mapping[str, Any]) -> None:
    """Raise SimulatedError for a tool that Anthropic rejects."""
    for index, tool in enumerate(body.get("tools") or ()):
        if tool.get("type") not in _TYPES:
            continue
        where, location = f"tools.{index}.{tool['type']}", tool.get("user_location") or {"type": "approximate"}
        if tool.get("name") != "web_search":
            raise SimulatedError(400, f"{where}.name: Input should be 'web_search'")
        if tool.keys() - _MEMBERS or location.keys() - _LOCATION:
            raise SimulatedError(400, f"{where}: Extra inputs are not permitted")
        if location.get("type") != "approximate":
            raise SimulatedError(400, f"{where}.user_location.type: Input should be 'approximate'")
        if (body.get("output_config") or {}).get("format"):
            raise SimulatedError(400, "output_config.format: citations cannot be used with structured outputs")


def search_blocks(id: str) -> list[Block]:
    """Return the blocks of a search ahead of the answer."""
    result = {"type": "web_search_result", **PAGE, "encrypted_content": "RW5j", "page_age": None}
    return [
        {"type": "server_tool_use", "id": id, "name": "web_search", "input": {"query": "parrots"}},
        {"type": "web_search_tool_result", "tool_use_id": id, "content": [result]},
    ]


def citation(text: str) -> Block:
    """Return the citation of a text."""
    return {"type": "web_search_result_location", **PAGE, "encrypted_index": "RW5j", "cited_text": text[:150]}
