"""Translates one attempt: the caller's request into the target's format, and what its response is read with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from msgspec.structs import replace

from proxy.attempts.caller_request import caller_request
from proxy.attempts.hub_request import answer_context, hub_request, with_callers_path
from proxy.attempts.passed_form import form_request, resource_request
from proxy.attempts.refusals import avoidable_param
from proxy.attempts.refused_member import REFUSAL_STATUSES, find_refusal
from proxy.attempts.target_params import params_warnings
from proxy.attempts.transform_failures import request_failure, response_failure
from proxy.dialects import DIALECTS
from proxy.dialects.coerce import object_of
from proxy.dialects.contract import ProviderRequest, ResponseContext
from proxy.dialects.errors import error_from_stream
from proxy.dialects.hub.embeddings_answer import join_embeddings
from proxy.dialects.hub.events import error_of, has_content
from proxy.dialects.hub.images import join_images
from proxy.dialects.hub.merge_patch import merge_members
from proxy.dialects.hub.params import drop_warnings
from proxy.dialects.hub.request_members import replace_members
from proxy.dialects.hub.tool_form_answers import ToolFormStream, with_tool_forms
from proxy.dialects.hub.tool_forms import FUNCTIONS_ONLY
from proxy.dialects.lenient_json import parse_or_none
from proxy.errors import ParrotError, UpstreamError, UpstreamErrorResponse
from proxy.exchange import Attempt
from proxy.headers import to_downstream
from proxy.messages import StreamTransform
from proxy.redaction import RedactingTransform, redact_masked_keys
from proxy.routing.client_request import HUB
from proxy.routing.native_members import (
    limits_in,
    without_limits,
)
from proxy.sse import decode, split_frames

_JOINS: Mapping[str, Callable[[bytes], bytes]] = {
    "embeddings": join_embeddings,
    "images": join_images,
}
"""Endpoint -> what makes one answer, in the hub's format, of the JSON array of those to the parts of a request."""
_KEY_REJECTED = (401, 403)
"""Statuses of a rejected key. Such errors quote its first and last characters."""


def provider_request(attempt: Attempt) -> ProviderRequest:
    """Return the request in the target's format. Raises InvalidRequestError for what that format cannot express."""
    step, exchange = attempt.step, attempt.exchange
    if exchange.form is not None and exchange.upload is not None:
        return form_request(attempt, exchange.form, exchange.upload)
    if exchange.resource is not None:
        return resource_request(attempt)
    dialect = DIALECTS[step.target.provider.dialect]
    try:
        caller = caller_request(attempt)
        request = dialect.build_request(caller)
        if caller.native_members:
            request = _with_native_members(attempt, request, caller.native_members)
        if caller.tool_forms is not FUNCTIONS_ONLY:
            request = replace(request, tool_forms=caller.tool_forms)
        if step.target.body:  # what the file adds to every request
            request = request.with_bodies(partial(replace_members, changes=dict(step.target.body), drop=()))
    except Exception as error:  # noqa: BLE001 (whatever it is, it excludes the target)
        failure = request_failure(attempt, "request", error)
        raise (with_callers_path(failure, attempt.exchange.hub) if attempt.is_translated else failure) from None
    options = attempt.exchange.policy.dialect_options
    if not (attempt.is_translated or step.target.params.drop or step.max_tokens is not None or options):
        return request
    warnings = _warnings(attempt)
    return replace(request, warnings=(*warnings, *request.warnings)) if warnings else request


def _warnings(attempt: Attempt) -> tuple[str, ...]:
    """Return the warnings of what was changed ahead of the dialect."""
    step = attempt.step
    warnings: tuple[str, ...] = ()
    body = attempt.exchange.body
    if attempt.is_translated:
        hub = hub_request(attempt.exchange)
        body = hub.body
        warnings = (*hub.warnings, *drop_warnings(hub.hosted_tools, "tool"))
    if step.target.params.drop:
        warnings = (*params_warnings(body, step.target.params), *warnings)
    if options := attempt.exchange.policy.dialect_options:
        read = {name for name, _ in DIALECTS[step.target.provider.dialect].control_headers.values()}
        warnings = (*drop_warnings(name for name in options if name not in read), *warnings)
    if step.max_tokens is not None:
        warnings = (f"max-tokens-clamped;value={step.max_tokens}", *warnings)
    return warnings


def _with_native_members(attempt: Attempt, request: ProviderRequest, members: Mapping[str, Any]) -> ProviderRequest:
    """Return the request with what the caller adds to it: no limit of tokens where the cost has a ceiling."""
    name = attempt.step.target.provider.dialect
    dropped: tuple[str, ...] = ()
    if attempt.exchange.policy.max_cost_per_request is not None:
        dropped, members = limits_in(members, name), without_limits(members, name)
    changed = request.with_bodies(partial(merge_members, patch=members, spelling=DIALECTS[name].native_rules.spelling))
    warnings = drop_warnings(f"{name}.{path}" for path in dropped)
    return replace(changed, warnings=(*request.warnings, *warnings))


def translate_response(attempt: Attempt, body: bytes) -> bytes:
    """Return a complete answer in the caller's format, without secrets. That of a part stays in the hub's.

    The answer of an attempt in parts is the JSON array of theirs.
    """
    if attempt.provider_request.parts:
        translated = _JOINS[attempt.endpoint](body)
    else:
        provider = attempt.step.target.provider
        answer, context = provider.redactor.redact_answer(body), response_context(attempt)
        translated = DIALECTS[provider.dialect].translate_response(answer, context)
        if (forms := attempt.provider_request.tool_forms) is not FUNCTIONS_ONLY:
            translated = with_tool_forms(translated, forms)
    if not attempt.is_translated or attempt.is_part:
        return translated
    from_hub = attempt.exchange.client_format.response_from_hub
    return translated if from_hub is None else from_hub(translated, answer_context(attempt.exchange))


def response_error(attempt: Attempt, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamErrorResponse:
    """Return the error that a provider answered with, without secrets. `headers` are in lower case."""
    provider = attempt.step.target.provider
    dialect = DIALECTS[provider.dialect]
    body = provider.redactor.redact_error(body)
    body = redact_masked_keys(body) if status in _KEY_REJECTED else body
    returned = to_downstream(headers, dialect.returned_header_prefixes, dialect.rate_limit_headers)
    error = dialect.translate_error(status, returned, body)
    error.avoidable_param = avoidable_param(attempt, status, error)
    if status in REFUSAL_STATUSES and error.avoidable_param is None:
        find_refusal(attempt, error, dialect.refusals)
    return error


def stream_transform(attempt: Attempt) -> StreamTransform:
    """Return what turns the provider's stream into the caller's, without secrets."""
    provider = attempt.step.target.provider
    translator = DIALECTS[provider.dialect].stream_translator(response_context(attempt))
    if (forms := attempt.provider_request.tool_forms) is not FUNCTIONS_ONLY:
        translator = ToolFormStream(translator, forms)
    return RedactingTransform(provider.redactor, translator)


def response_context(attempt: Attempt) -> ResponseContext:
    """Return what the dialect needs to translate the attempt's response."""
    exchange, target = attempt.exchange, attempt.step.target
    attempt.completion.requested_choices = exchange.facts.n
    return ResponseContext(
        provider=target.provider.name,
        model=target.model,
        id=f"chatcmpl-{exchange.id}",
        created=int(exchange.runtime.wall()),
        endpoint=attempt.endpoint,
        show_usage=attempt.is_translated or exchange.facts.include_usage,
        tool_names=attempt.provider_request.tool_names,
        response_options=attempt.provider_request.response_options,
        headers=attempt.headers,
        answer=attempt.completion,
        on_exception=partial(_stream_failure, attempt),
    )


def _stream_failure(attempt: Attempt, error: Exception) -> ParrotError:
    """Return the error to end a stream with. One that is not the provider's fault is noted, as its event does not show it."""
    failure = response_failure(attempt, "stream", error)
    if not isinstance(failure, UpstreamError):
        attempt.local_failure = failure
    return failure


def opening_failure(attempt: Attempt, translated: bytes) -> ParrotError | None:
    """Return the error that a stream begins with, or None where content comes before it."""
    dialect = DIALECTS[attempt.step.target.provider.dialect]
    is_content = has_content if attempt.endpoint == HUB else dialect.has_content
    events = (event.data for event in map(decode, split_frames(translated)) if is_content(event))
    opening = next(events, None)
    if opening is None:
        return error_from_stream({"message": "the provider's stream had no content"})
    error = error_of(object_of(parse_or_none(opening)))
    return None if error is None else attempt.local_failure or error_from_stream(error)
