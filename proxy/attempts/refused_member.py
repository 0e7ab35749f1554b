"""What a 400 says about one member of the request: whether another target may take it, and for how long this one will not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.attempts.hub_request import hub_request
from proxy.dialects.hub import web_search
from proxy.dialects.hub.tool_forms import FUNCTIONS
from proxy.dialects.refusals import RefusalTable
from proxy.errors import UpstreamErrorResponse
from proxy.exchange import Attempt
from proxy.routing.facts import MAX_TOKENS_MEMBERS
from proxy.routing.native_members import native_members

REFUSAL_STATUSES = frozenset({400, 422})
_CONTENT = frozenset({"messages", "contents", "system", "system_instruction", "input", "prompt", "model", "stream"})
"""Members that every request has: a refusal of one says nothing about other requests."""
_MADE_OF_FUNCTIONS = frozenset({"tools", "tool_choice", "parallel_tool_calls"})
"""Members that hold what the caller has in those of the older form."""


def find_refusal(attempt: Attempt, error: UpstreamErrorResponse, table: RefusalTable) -> None:
    """Set `refused_param`, and `refused_member` if other requests with it would be refused too.

    The parameter is one that the model refuses, or that the sidecar has added or translated.
    """
    error.refused_param = table.refused_output(error)
    if error.refused_param is not None:
        return
    body = _caller_members(attempt)
    native = _native_names(attempt, body)
    param = table.refused_by_model(error)
    if param is None and table.member_of(error) not in native:
        param = _own_member(attempt, error, table, body)
    if param is None:
        return
    error.refused_param = param
    if param not in _CONTENT and not native:  # with them, a refusal says nothing about requests without
        error.refused_member = param, param not in body


def _own_member(
    attempt: Attempt, error: UpstreamErrorResponse, table: RefusalTable, body: Mapping[str, Any]
) -> str | None:
    """Return the member that an error names if it is not as the caller sent it, in OpenAI's words."""
    member = table.member_of(error)
    if member is None or member in _CONTENT or (member in body and member not in _changed_members(attempt)):
        return None
    if FUNCTIONS in body and member in _MADE_OF_FUNCTIONS:
        return None
    return web_search.NAME if member == "tools" and web_search.is_requested(body) else table.openai_name(member)


def _changed_members(attempt: Attempt) -> frozenset[str]:
    """Return the members that the file or the cost ceiling set."""
    target = attempt.step.target
    clamped = () if attempt.step.max_tokens is None else MAX_TOKENS_MEMBERS[attempt.endpoint]
    return frozenset((*target.params.default, *target.params.set, *dict(target.body), *clamped))


def _caller_members(attempt: Attempt) -> Mapping[str, Any]:
    """Return the request's members in the format that the target's request was made from."""
    return hub_request(attempt.exchange).body if attempt.is_translated else attempt.exchange.body


def _native_names(attempt: Attempt, body: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of what the caller has added in the target's own format, with those of its inner members."""
    native = native_members(body, attempt.step.target.provider.dialect)
    inner = (name for member in native.values() if isinstance(member, dict) for name in member)
    return frozenset((*native, *inner))
