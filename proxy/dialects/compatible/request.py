"""A request to an OpenAI-shaped host: the caller's bytes, but for what such hosts are known to reject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of
from proxy.dialects.compatible.tables import PATHS
from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.hub.request_members import replace_members

_DROPPED = ("routing", "max_completion_tokens")


def build_request(call: CallerRequest) -> ProviderRequest:
    """The limit under its older name, null members of assistant messages left out; the rest byte for byte."""
    return ProviderRequest(path=PATHS[call.endpoint], body=replace_members(call.raw, _changes(call), drop=_DROPPED))


def _changes(call: CallerRequest) -> dict[str, Any]:
    changes: dict[str, Any] = {"model": call.model}
    if call.stream:
        changes["stream_options"] = {**object_of(call.body.get("stream_options")), "include_usage": True}
    limit = call.body.get("max_completion_tokens")
    if limit is not None:
        changes["max_tokens"] = limit
    messages = call.body.get("messages")
    if isinstance(messages, list) and any(map(_has_null, messages)):
        changes["messages"] = [_without_nulls(message) if _has_null(message) else message for message in messages]
    return changes


def _has_null(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") == "assistant" and None in message.values()


def _without_nulls(message: Mapping[str, Any]) -> dict[str, Any]:
    """Content stays, as null beside tool calls (as in OpenAI's own answers), else as the empty text."""
    kept = {key: value for key, value in message.items() if value is not None}
    if "content" in message and "content" not in kept:
        kept["content"] = None if kept.get("tool_calls") else ""
    return kept
