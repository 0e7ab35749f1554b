"""One attempt at one target; it returns only with the first content in hand, and raises until then."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from math import inf
from urllib.parse import urlencode

from proxy.attempts.transform_failures import Guard
from proxy.config.snapshot import Target
from proxy.dialects import DIALECTS
from proxy.dialects.contract import AUTH, Asking, Dialect
from proxy.errors import BadAnswer, Disconnected, EgressError, ResourceExhaustedError
from proxy.exchange import Attempt
from proxy.headers import combined, to_upstream
from proxy.messages import Ahead, Body, Incoming, Outgoing, Response
from proxy.redaction import without_marked
from proxy.resilience.retry_after import remaining
from proxy.sse import Framer, decode

MAX_ANSWER = 64 * 2**20
MAX_HELD_BACK = 64 * 2**10
MAX_REQUEST_ECHOES = 4
"""Events before the first content may be this many times as large as the request: `response.created` and the like repeat it."""
MAX_ERROR = 64 * 2**10
_REFUSED = (401, 403)
"""Statuses of a refused key, of which vendors repeat the beginning and the end."""


async def upstream(attempt: Attempt) -> Response:
    """The target's answer, in its own format. Raises UpstreamFailure if there is none, and ResourceExhaustedError."""
    exchange, target = attempt.exchange, attempt.step.target
    clock = exchange.services.clock
    dialect = DIALECTS[target.provider.dialect]
    forwarded = to_upstream(exchange.request.headers, dialect.forwarded)
    request = outgoing(target, dialect, attempt.asking, forwarded)
    try:
        with exchange.waiting():
            response = await _answered(request, attempt)
    except (ResourceExhaustedError, EgressError) as error:
        attempt.outcome = error.outcome
        exchange.services.local_trouble.warn(error)
        raise
    if exchange.first_content is None:
        exchange.first_content = clock()
    return response


async def _answered(request: Outgoing, attempt: Attempt) -> Response:
    services = attempt.exchange.services
    timeouts, stream = attempt.step.target.timeouts, attempt.exchange.facts.stream
    limit = min(timeouts.first_token if stream else timeouts.answer, attempt.within or inf)
    deadline = asyncio.get_running_loop().time() + limit
    incoming = await services.transport.send(request, connect_timeout=timeouts.connect, answer_timeout=limit)
    try:
        headers = attempt.step.target.provider.redactor.headers(combined(incoming.headers))
        attempt.flight.heard(remaining(headers, services.wall(), services.clock()))
        incoming.deadline = deadline
        with Guard(attempt, "response"):
            response = Response(200, headers, await _read(incoming, headers, attempt))
    except BaseException:
        incoming.close()
        raise
    if stream:
        incoming.deadline, incoming.patience = inf, timeouts.idle
    else:
        incoming.close()
    return response


def outgoing(target: Target, dialect: Dialect, asking: Asking, forwarded: Mapping[str, str]) -> Outgoing:
    """The HTTP request for an asking: the file's URL, query, headers and key, and nothing of the caller's choosing."""
    provider = target.provider
    path = provider.path or asking.path
    if provider.query:
        path += ("&" if "?" in path else "?") + urlencode(provider.query)
    # Names have no case: without this, two spellings of one header would both be sent.
    fields = (*forwarded.items(), *asking.headers.items(), *provider.headers.items())
    headers = {name.lower(): value for name, value in fields}
    headers["content-type"] = "application/json"
    if provider.key is not None:
        name, form = AUTH[provider.auth or dialect.auth]
        headers[name.lower()] = form.format(provider.key.value)
    return Outgoing(target.base_url + path, headers, asking.body)


async def _read(incoming: Incoming, headers: Mapping[str, str], attempt: Attempt) -> bytes | Body:
    """The answer's body: whole, or a stream's with its first content. Raises UpstreamFailure if there is none."""
    provider = attempt.step.target.provider
    dialect, redactor = DIALECTS[provider.dialect], provider.redactor
    if incoming.status == 407:
        # Only a forward proxy answers so (RFC 9110, 15.5.8); through a tunnel it is the dialer that sees it.
        raise EgressError("the forward proxy refused the request (407): its credentials are missing or wrong")
    if incoming.status != 200:
        body = redactor.error(await _whole(incoming, MAX_ERROR))
        raise dialect.error(incoming.status, headers, without_marked(body) if incoming.status in _REFUSED else body)
    if not attempt.exchange.facts.stream:
        return redactor.answer(await _whole(incoming, MAX_ANSWER))
    kind = headers.get("content-type", "no type")
    if not kind.lower().startswith("text/event-stream"):
        raise BadAnswer(f"the provider answered a stream request with {kind[:64]}")
    echoes = MAX_REQUEST_ECHOES * len(attempt.asking.body)
    return Ahead(incoming, await _first_content(incoming, dialect, MAX_HELD_BACK + echoes))


async def _whole(incoming: Incoming, limit: int) -> bytes:
    parts, size = [], 0
    while data := await incoming.read():
        parts.append(data)
        size += len(data)
        if size > limit:
            raise BadAnswer(f"the provider's answer is over {limit} bytes")
    return b"".join(parts)


async def _first_content(incoming: Incoming, dialect: Dialect, limit: int) -> bytes:
    """All that came up to and with the first event that carries content; role-only deltas and pings wait with it.

    Events without content may have `limit` bytes in all; the framer bounds the size of each event."""
    framer = Framer()
    held, without_content = bytearray(), 0
    while data := await incoming.read():
        held += data
        for event in framer.feed(data):
            if dialect.begins(decode(event)):
                return bytes(held)
            without_content += len(event)
            if without_content > limit:
                raise BadAnswer(f"no content in the first {limit} bytes of the stream")
    if dialect.begins(decode(framer.rest())):
        return bytes(held)
    raise Disconnected("the provider ended the stream before any content")
