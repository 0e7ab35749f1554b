"""Removes `cache_control`, by which callers mark what Anthropic shall cache, from the tools of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of

MEMBER = "cache_control"
MARK = b'"cache_control"'
"""In the bytes of every request with one."""


def unmarked_tools(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return `tools` without it, as a change of the request, or {} if none has it."""
    tools = body.get("tools")
    if not isinstance(tools, list) or not any(map(_is_marked, tools)):
        return {}
    return {"tools": [_unmarked(tool) if _is_marked(tool) else tool for tool in tools]}


def _is_marked(tool: Any) -> bool:
    return MEMBER in object_of(tool) or MEMBER in object_of(object_of(tool).get("function"))


def _unmarked(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool without it, also in its function."""
    function = {name: value for name, value in object_of(tool.get("function")).items() if name != MEMBER}
    kept = {name: value for name, value in tool.items() if name != MEMBER}
    return {**kept, "function": function} if "function" in tool else kept
