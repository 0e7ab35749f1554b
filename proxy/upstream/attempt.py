"""One attempt at one target: sends the request and returns once the first content has arrived.

Until then nothing is passed on, so a failure can still be hidden by another attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from math import inf
from urllib.parse import urlencode

from proxy.attempts.transform_failures import Guard
from proxy.config.snapshot import Target
from proxy.dialects import DIALECTS
from proxy.dialects.contract import AUTH_SCHEMES, Dialect, ProviderRequest
from proxy.errors import EgressError, MalformedResponse, ResourceExhaustedError, UpstreamDisconnected
from proxy.exchange import Attempt
from proxy.headers import combine_repeated, to_downstream, to_upstream
from proxy.messages import Body, PeekedBody, Response, UpstreamRequest, UpstreamResponse
from proxy.redaction import redact_masked_keys
from proxy.resilience.rate_limit_headers import parse_rate_limits
from proxy.sse import Framer, decode

MAX_RESPONSE_BYTES = 64 * 2**20
MAX_HELD_BACK_BYTES = 64 * 2**10
MAX_REQUEST_ECHO_FACTOR = 4
"""Lifecycle events such as `response.created` repeat the request, so events before the first content may be larger by this
multiple of it."""
MAX_ERROR_BODY_BYTES = 64 * 2**10
_KEY_REJECTED = (401, 403)
"""Statuses of a rejected key; such errors quote its first and last characters."""


async def call_upstream(attempt: Attempt) -> Response:
    """Send an attempt's request and return the response, in the provider's format, with its first content.

    Raises UpstreamError, and ResourceExhaustedError or EgressError if this machine is the cause; those are logged.
    """
    exchange, target = attempt.exchange, attempt.step.target
    clock = exchange.runtime.clock
    dialect = DIALECTS[target.provider.dialect]
    forwarded = to_upstream(exchange.request.headers, dialect.forwarded_header_prefixes)
    request = build_upstream_request(target, dialect, attempt.provider_request, forwarded)
    try:
        with exchange.upstream_timer():
            response = await _send(request, attempt)
    except (ResourceExhaustedError, EgressError) as error:
        attempt.outcome = error.outcome
        exchange.runtime.local_trouble.warn(error)
        raise
    if exchange.first_content_at is None:
        exchange.first_content_at = clock()
    return response


async def _send(request: UpstreamRequest, attempt: Attempt) -> Response:
    runtime = attempt.exchange.runtime
    timeouts, stream = attempt.step.target.timeouts, attempt.exchange.facts.stream
    limit = min(timeouts.first_token if stream else timeouts.response, attempt.first_content_timeout_s or inf)
    deadline = asyncio.get_running_loop().time() + limit
    incoming = await runtime.transport.send(request, connect_timeout_s=timeouts.connect, response_timeout_s=limit)
    try:
        headers = attempt.step.target.provider.redactor.redact_headers(combine_repeated(incoming.headers))
        limits = DIALECTS[attempt.step.target.provider.dialect].rate_limit_headers
        attempt.recorder.record_rate_limits(parse_rate_limits(headers, runtime.wall(), runtime.clock(), limits))
        incoming.deadline = deadline
        with Guard(attempt, "response"):
            response = Response(200, headers, await _read_response(incoming, headers, attempt))
    except BaseException:
        incoming.close()
        raise
    if stream:
        incoming.deadline, incoming.idle_timeout_s = inf, timeouts.idle
    else:
        incoming.close()
    return response


def build_upstream_request(
    target: Target, dialect: Dialect, provider_request: ProviderRequest, forwarded: Mapping[str, str]
) -> UpstreamRequest:
    """Build the HTTP request from the provider's URL, query, headers and key in routing.yaml.

    `forwarded` are the caller's headers that may be passed on; the provider's own override them.
    """
    provider = target.provider
    path = provider.path or provider_request.path
    if provider.query:
        path += ("&" if "?" in path else "?") + urlencode(provider.query)
    # Header names are case-insensitive: two spellings of one must not both be sent.
    fields = (*forwarded.items(), *provider_request.headers.items(), *provider.headers.items())
    headers = {name.lower(): value for name, value in fields}
    headers["content-type"] = "application/json"
    if provider.key is not None:
        name, form = AUTH_SCHEMES[provider.auth or dialect.auth]
        headers[name.lower()] = form.format(provider.key.value)
    return UpstreamRequest(target.base_url + path, headers, provider_request.body)


async def _read_response(incoming: UpstreamResponse, headers: Mapping[str, str], attempt: Attempt) -> bytes | Body:
    """Read the whole body, or a stream up to its first content. Raises UpstreamError for any error response."""
    provider = attempt.step.target.provider
    dialect, redactor = DIALECTS[provider.dialect], provider.redactor
    if incoming.status == 407:
        # Only a forward proxy sends it (RFC 9110, 15.5.8); in front of a tunnel the dialer receives it.
        raise EgressError("the forward proxy refused the request (407): its credentials are missing or wrong")
    if incoming.status != 200:
        body = redactor.redact_error(await _read_all(incoming, MAX_ERROR_BODY_BYTES))
        body = redact_masked_keys(body) if incoming.status in _KEY_REJECTED else body
        returned = to_downstream(headers, dialect.returned_header_prefixes, dialect.rate_limit_headers)
        raise dialect.translate_error(incoming.status, returned, body)
    if not attempt.exchange.facts.stream:
        return redactor.redact_answer(await _read_all(incoming, MAX_RESPONSE_BYTES))
    content_type = headers.get("content-type", "no content type")
    if not content_type.lower().startswith("text/event-stream"):
        raise MalformedResponse(f"the provider responded to a stream request with {content_type[:64]}")
    echoes = MAX_REQUEST_ECHO_FACTOR * len(attempt.provider_request.body)
    return PeekedBody(incoming, await _read_to_first_content(incoming, dialect, MAX_HELD_BACK_BYTES + echoes))


async def _read_all(incoming: UpstreamResponse, limit: int) -> bytes:
    parts, size = [], 0
    while data := await incoming.read():
        parts.append(data)
        size += len(data)
        if size > limit:
            raise MalformedResponse(f"the provider's response is over {limit} bytes")
    return b"".join(parts)


async def _read_to_first_content(incoming: UpstreamResponse, dialect: Dialect, limit: int) -> bytes:
    """Return all bytes received up to the first event with content, including role-only deltas and pings before it.

    Events without content may have `limit` bytes together; the framer limits the size of each event.
    """
    framer = Framer()
    held, without_content = bytearray(), 0
    while data := await incoming.read():
        held += data
        for event in framer.feed(data):
            if dialect.has_content(decode(event)):
                return bytes(held)
            without_content += len(event)
            if without_content > limit:
                raise MalformedResponse(f"no content in the first {limit} bytes of the stream")
    if dialect.has_content(decode(framer.flush())):
        return bytes(held)
    raise UpstreamDisconnected("the provider ended the stream before any content")
