"""Validation of requests to Anthropic's Messages API: members, betas, tools and thinking."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from proxy.sandbox.anthropic_history import check_history, check_text_blocks, marked_blocks
from proxy.sandbox.anthropic_search import check_search
from proxy.sandbox.contract import SimulatedError

# From the types of Anthropic's SDK (2.12). Anthropic rejects other members as well.
_PARAMETERS = """
cache_control container diagnostics inference_geo max_tokens messages metadata model output_config service_tier speed
stop_sequences stream system thinking tool_choice tools user_profile_id workspace_id
"""
_COMMON = frozenset(_PARAMETERS.split())
_SAMPLING = frozenset({"temperature", "top_p", "top_k"})
PARAMETERS_BY_VERSION: Mapping[str, frozenset[str]] = {
    "2023-01-01": _COMMON | _SAMPLING,
    "2023-06-01": _COMMON | _SAMPLING,
    "2026-10-21": _COMMON,
}
"""anthropic-version -> allowed members of a request."""
_BETA = re.compile(r"[a-z0-9-]+-20\d\d-?\d\d-?\d\d")
_BETA_MEMBERS: Mapping[str, str] = {
    "context-management-": "context_management",
    "mcp-client-": "mcp_servers",
    "structured-outputs-": "output_format",
}
"""How a beta's name begins -> the member that it allows."""

REQUIRED: Mapping[str, tuple[type, str]] = {
    "model": (str, "string"),
    "max_tokens": (int, "integer"),
    "messages": (list, "list"),
}
"""Required member -> its type, in Python and in words."""
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_CHOICES = ("auto", "any", "tool", "none")
_MAX_MARKED = 4
_MIN_BUDGET = 1024


def betas_of(header: str | None) -> list[str]:
    """Return the names in an `anthropic-beta` header. Raises SimulatedError for one that Anthropic does not have."""
    names = [name for part in (header or "").split(",") if (name := part.strip())]
    for name in names:
        if not _BETA.fullmatch(name):
            raise SimulatedError(400, f"Unexpected value(s) `{name}` for the `anthropic-beta` header.")
    return names


def check_request(body: Mapping[str, Any], version: str, betas: Iterable[str], required: Iterable[str]) -> None:
    """Raise SimulatedError for a request that Anthropic rejects."""
    allowed = [member for beta in betas for prefix, member in _BETA_MEMBERS.items() if beta.startswith(prefix)]
    _check_members(body, PARAMETERS_BY_VERSION[version].union(allowed), required)
    _check_scalars(body)
    _check_tools(body)
    check_text_blocks(body.get("system") or "", "system")
    check_history(body["messages"], thinks=_check_thinking(body))
    if (count := sum(1 for _ in _marked(body)) + bool(body.get("cache_control"))) > _MAX_MARKED:
        raise SimulatedError(
            400, f"A maximum of {_MAX_MARKED} blocks with cache_control may be provided. Found {count}."
        )


def is_custom(tool: Mapping[str, Any]) -> bool:
    """Whether a tool is the caller's own."""
    return tool.get("type") in (None, "custom")


def _check_members(body: Mapping[str, Any], known: frozenset[str], required: Iterable[str]) -> None:
    for name in body:
        if name not in known:
            raise SimulatedError(400, f"{name}: Extra inputs are not permitted")
    for name in required:
        expected, description = REQUIRED[name]
        if name not in body:
            raise SimulatedError(400, f"{name}: Field required")
        if not isinstance(body[name], expected) or isinstance(body[name], bool):
            raise SimulatedError(400, f"{name}: Input should be a valid {description}")


def _check_scalars(body: Mapping[str, Any]) -> None:
    if body.get("max_tokens", 1) < 1:
        raise SimulatedError(400, "max_tokens: Input should be greater than or equal to 1")
    if not 0 <= (body.get("temperature") or 0) <= 1:
        raise SimulatedError(400, "temperature: range: 0..1")
    for name in body.get("metadata") or {}:
        if name != "user_id":
            raise SimulatedError(400, f"metadata.{name}: Extra inputs are not permitted")
    for index, stop in enumerate(body.get("stop_sequences") or ()):
        if not isinstance(stop, str) or not stop.strip():
            raise SimulatedError(400, f"stop_sequences.{index}: each stop sequence must contain non-whitespace")


def _check_tools(body: Mapping[str, Any]) -> None:
    names = []
    check_search(body)
    for index, tool in enumerate(body.get("tools") or ()):
        names.append(tool.get("name"))
        if not is_custom(tool):
            continue
        if not isinstance(tool.get("name"), str) or not _TOOL_NAME.fullmatch(tool["name"]):
            raise SimulatedError(400, f"tools.{index}.custom.name: String should match pattern '{_TOOL_NAME.pattern}'")
        if (tool.get("input_schema") or {}).get("type") != "object":
            raise SimulatedError(400, f"tools.{index}.custom.input_schema.type: Input should be 'object'")
    if len(names) != len(set(names)):
        raise SimulatedError(400, "tools: Tool names must be unique.")
    _check_choice(body.get("tool_choice") or {"type": "auto"}, body.get("tools") or [])


def _check_choice(choice: Mapping[str, Any], tools: list[dict[str, Any]]) -> None:
    kind = choice.get("type")
    if kind not in _CHOICES:
        raise SimulatedError(400, f"tool_choice: Input tag '{kind}' found does not match any of the expected tags")
    if kind in ("any", "tool") and not tools:
        raise SimulatedError(400, "tool_choice may only be specified while providing tools")
    if kind == "tool" and choice.get("name") not in [tool.get("name") for tool in tools]:
        raise SimulatedError(400, f"Tool '{choice.get('name')}' not found in provided tools")


def _check_thinking(body: Mapping[str, Any]) -> bool:
    """Check the budget for thinking, and return whether there is one."""
    thinking = body.get("thinking") or {}
    if thinking.get("type") != "enabled":
        return False
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int) or budget < _MIN_BUDGET:
        raise SimulatedError(
            400, f"thinking.enabled.budget_tokens: Input should be greater than or equal to {_MIN_BUDGET}"
        )
    if "max_tokens" in body and budget >= body["max_tokens"]:
        raise SimulatedError(400, "`max_tokens` must be greater than `thinking.budget_tokens`.")
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        raise SimulatedError(400, "Thinking may not be enabled when tool_choice forces tool use.")
    return True


def _marked(body: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """Yield what has a cache_control."""
    yield from (tool for tool in body.get("tools") or () if tool.get("cache_control"))
    yield from marked_blocks(body.get("system"))
    for message in body["messages"]:
        yield from marked_blocks(message["content"])
