"""The members of a request that its response repeats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of

_DEFAULTS: Mapping[str, Any] = {
    "background": False,
    "frequency_penalty": 0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""Each of them, with its value where the request has none."""

_FUNCTION: Mapping[str, Any] = {"description": None, "parameters": None, "strict": None}
_WITH_DEFAULTS = ("reasoning", "text")


def echoed_members(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a request that was translated, with defaults for those that are missing."""
    echo = {name: default if body.get(name) is None else body[name] for name, default in _DEFAULTS.items()}
    for name in _WITH_DEFAULTS:
        echo[name] = {**_DEFAULTS[name], **object_of(echo[name])}
    echo["tools"] = [_with_defaults(tool) for tool in echo["tools"]]
    echo["service_tier"] = "default"  # of which another one was served, the hub's answer tells
    return echo


def _with_defaults(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool with the members that clients expect a function to have."""
    return {**_FUNCTION, **tool} if tool.get("type") == "function" else dict(tool)
