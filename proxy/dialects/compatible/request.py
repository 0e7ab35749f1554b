"""Builds a request to an OpenAI-compatible host: the caller's bytes, except for what such hosts are known to reject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of
from proxy.dialects.compatible.tables import PATHS
from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.hub.request_members import replace_members

_DROP = ("routing", "max_completion_tokens")


def build_request(request: CallerRequest) -> ProviderRequest:
    """Rename the token limit to `max_tokens` and drop null members of assistant messages. The rest is byte-exact."""
    return ProviderRequest(PATHS[request.endpoint], replace_members(request.raw, _changes(request), drop=_DROP))


def _changes(request: CallerRequest) -> dict[str, Any]:
    changes: dict[str, Any] = {"model": request.model}
    if request.stream:
        changes["stream_options"] = {**object_of(request.body.get("stream_options")), "include_usage": True}
    limit = request.body.get("max_completion_tokens")
    if limit is not None:
        changes["max_tokens"] = limit
    messages = request.body.get("messages")
    if isinstance(messages, list) and any(map(_has_null, messages)):
        changes["messages"] = [_without_nulls(message) if _has_null(message) else message for message in messages]
    return changes


def _has_null(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") == "assistant" and None in message.values()


def _without_nulls(message: Mapping[str, Any]) -> dict[str, Any]:
    """Drop null members. Null `content` stays null next to tool calls, as in OpenAI's own answers, else becomes ""."""
    kept = {key: value for key, value in message.items() if value is not None}
    if "content" in message and "content" not in kept:
        kept["content"] = None if kept.get("tool_calls") else ""
    return kept
