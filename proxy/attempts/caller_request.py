"""Makes what a dialect is to translate: the caller's request, after all that changes ahead of the dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from proxy.attempts.hub_request import hub_request
from proxy.attempts.refusals import refused_params
from proxy.attempts.remote_files import IMAGE_URLS, fetched_messages
from proxy.attempts.target_params import apply_params
from proxy.config.schema import NO_PARAMS
from proxy.config.snapshot import ANY_MODEL
from proxy.dialects import DIALECTS
from proxy.dialects.contract import CallerRequest
from proxy.dialects.hub.request_members import replace_members
from proxy.dialects.hub.tool_forms import CUSTOM_MARK, FUNCTIONS_ONLY, OLD_MEMBERS, TOOL_MARK, ToolForms, as_functions
from proxy.dialects.lenient_json import serialize
from proxy.exchange import Attempt
from proxy.resilience.resume import continuation_members
from proxy.routing.client_request import HUB
from proxy.routing.facts import limit_members
from proxy.routing.native_members import NATIVE_MEMBERS, native_members, without_native_members


class _Body(Struct, frozen=True):
    """A request's body, parsed and as bytes."""

    members: Mapping[str, Any]
    raw: bytes

    def with_changes(self, changes: Mapping[str, Any], drop: tuple[str, ...] = ()) -> _Body:
        """Return the body after changes of its members, without those in `drop`."""
        kept = {name: value for name, value in self.members.items() if name not in drop} if drop else self.members
        return _Body({**kept, **changes}, replace_members(self.raw, changes, drop=drop))


def caller_request(attempt: Attempt) -> CallerRequest:
    """Return the caller's request, with `max_tokens` clamped as planned, and the answer's beginning if it is resumed."""
    exchange, target, max_tokens = attempt.exchange, attempt.step.target, attempt.step.max_tokens
    body = _Body(exchange.body, exchange.raw) if not attempt.is_translated else _hub_body(attempt)
    if target.params is not NO_PARAMS:
        body = _Body(*apply_params(body.members, body.raw, target.params))
    native: Mapping[str, Any] = {}
    if not NATIVE_MEMBERS.isdisjoint(body.members):
        native = native_members(body.members, target.provider.dialect)
        body = _Body(without_native_members(body.members), replace_members(body.raw, {}, drop=tuple(NATIVE_MEMBERS)))
    forms = FUNCTIONS_ONLY
    if attempt.endpoint == HUB and (TOOL_MARK in body.raw or CUSTOM_MARK in body.raw) and not attempt.is_translated:
        body, forms = _with_tool_forms(body, target.provider.dialect)
    if exchange.file_fetches is not None or IMAGE_URLS in target.unsupported:
        body = body.with_changes(fetched_messages(attempt, body.members))
    if max_tokens is not None:
        body = body.with_changes(limit_members(attempt.endpoint, body.members, max_tokens))
    if attempt.prefix is not None:
        body = body.with_changes(continuation_members(body.members, attempt.prefix))
    return CallerRequest(
        endpoint=attempt.endpoint,
        body=body.members,
        raw=body.raw,
        model="" if target.model == ANY_MODEL else target.model,
        stream=exchange.facts.stream,
        dialect_options=exchange.policy.dialect_options,
        family=target.family or "",
        refused=refused_params(attempt) if exchange.runtime.resilience.refused_params.current else target.unsupported,
        native_members=native,
        tool_forms=forms,
    )


def _hub_body(attempt: Attempt) -> _Body:
    body = hub_request(attempt.exchange).body
    return _Body(body, serialize(body))


def _with_tool_forms(body: _Body, dialect: str) -> tuple[_Body, ToolForms]:
    """Return a chat request with tools of the forms that the dialect has, and the caller's forms."""
    if DIALECTS[dialect].takes_every_tool_form:
        return body, FUNCTIONS_ONLY
    changes, forms = as_functions(body.members)
    if changes or body.members.keys() & OLD_MEMBERS:
        body = body.with_changes(changes, drop=OLD_MEMBERS)
    return body, forms
