"""Builds a request to an OpenAI-compatible host: the caller's bytes, except for what such hosts are known to reject."""

from __future__ import annotations

from typing import Any

from proxy.dialects.coerce import object_of
from proxy.dialects.compatible.tables import PATHS, cleaning_rules
from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.hub.message_cleaning import cleaned_messages
from proxy.dialects.hub.request_members import replace_members

_DROP = ("routing", "max_completion_tokens")


def build_request(request: CallerRequest) -> ProviderRequest:
    """Rename the token limit to `max_tokens` and clean the history. The rest is byte-exact."""
    return ProviderRequest(PATHS[request.endpoint], replace_members(request.raw, _changes(request), drop=_DROP))


def _changes(request: CallerRequest) -> dict[str, Any]:
    changes: dict[str, Any] = {"model": request.model}
    if request.stream:
        changes["stream_options"] = {**object_of(request.body.get("stream_options")), "include_usage": True}
    limit = request.body.get("max_completion_tokens")
    if limit is not None:
        changes["max_tokens"] = limit
    return changes | cleaned_messages(request, cleaning_rules(request.family or request.model))
