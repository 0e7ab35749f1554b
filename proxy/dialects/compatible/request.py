"""Builds a request to an OpenAI-compatible host: the caller's bytes, except for what such hosts are known to reject."""

from __future__ import annotations

from typing import Any

from proxy.dialects.coerce import object_of
from proxy.dialects.compatible.tables import PATHS, cleaning_rules
from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.hub import cache_marks
from proxy.dialects.hub.message_cleaning import cleaned_messages
from proxy.dialects.hub.request_members import replace_members
from proxy.dialects.hub.token_limit import requested_limit
from proxy.dialects.hub.tool_renaming import TOOL_CALLS, changed_names, renamed_members
from proxy.dialects.names import original_names

_LIMITS = ("max_tokens", "max_completion_tokens")


def build_request(request: CallerRequest) -> ProviderRequest:
    """Rename the token limit to `max_tokens`, clean the history and make tool names valid. The rest is byte-exact."""
    names = changed_names(request) if "tools" in request.body or TOOL_CALLS in request.raw else {}
    changes = {"model": request.model, **_stream_options(request), **_token_limit(request)}
    rules = cleaning_rules(request.family or request.model)
    changes |= cleaned_messages(request, rules, names)
    drop = ("routing", *_LIMITS, *(("stream_options",) if "stream_options" in request.refused else ()))
    if cache_marks.MARK in request.raw and cache_marks.MEMBER in rules.in_parts:
        changes |= cache_marks.unmarked_tools(request.body)
        drop = (*drop, cache_marks.MEMBER)
    changes |= renamed_members({**request.body, **changes}, names) if names else {}
    body = replace_members(request.raw, changes, drop=drop)
    return ProviderRequest(PATHS[request.endpoint], body, tool_names=original_names(names))


def _stream_options(request: CallerRequest) -> dict[str, Any]:
    """Request usage in every stream, unless the host refuses the member."""
    if not request.stream or "stream_options" in request.refused:
        return {}
    return {"stream_options": {**object_of(request.body.get("stream_options")), "include_usage": True}}


def _token_limit(request: CallerRequest) -> dict[str, Any]:
    """Return the limit under the name that the host accepts: `max_tokens`, as long as it has not refused that."""
    limit = requested_limit(request.body)
    return {} if limit is None else {_LIMITS["max_tokens" in request.refused]: limit}
