"""One attempt at one target; it returns only with the first content in hand, and raises until then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

from proxy.config.snapshot import Target
from proxy.dialects import DIALECTS
from proxy.dialects.contract import AUTH, Asking, Dialect
from proxy.errors import BadAnswer, Disconnected, Silent
from proxy.exchange import Attempt
from proxy.messages import Incoming, Outgoing, Response
from proxy.sse import EventTooLarge, Framer, decode

MAX_ANSWER = 64 * 2**20
MAX_HELD_BACK = 64 * 2**10
MAX_ERROR = 64 * 2**10


async def upstream(attempt: Attempt) -> Response:
    """The target's answer, in its own format. Raises UpstreamFailure if there is none."""
    target = attempt.step.target
    dialect = DIALECTS[target.provider.dialect]
    request = outgoing(target, dialect, attempt.asking, dict(attempt.exchange.forwarded))
    stream = attempt.exchange.facts.stream
    limit = target.timeouts.first_token if stream else target.timeouts.answer
    async with _waiting(attempt, limit):
        incoming = await attempt.exchange.services.transport.send(request, connect_timeout=target.timeouts.connect)
        try:
            response = await _answer(incoming, dialect, stream, target)
        except BaseException:
            incoming.close()
            raise
    attempt.exchange.first_content = attempt.exchange.services.clock()
    return response


@asynccontextmanager
async def _waiting(attempt: Attempt, limit: float) -> AsyncIterator[None]:
    """Bounds the wait for an answer, and counts it as the provider's time."""
    clock = attempt.exchange.services.clock
    start = clock()
    try:
        async with asyncio.timeout(limit):
            yield
    except TimeoutError:
        name = attempt.step.target.id
        what = "first token" if attempt.exchange.facts.stream else "answer"
        raise Silent(f"{name} gave no {what} within {limit:g} s") from None
    finally:
        attempt.exchange.waited += clock() - start


def outgoing(target: Target, dialect: Dialect, asking: Asking, forwarded: dict[str, str]) -> Outgoing:
    """The HTTP request for an asking: the file's URL, query, headers and key, and nothing of the caller's choosing."""
    provider = target.provider
    path = provider.path or asking.path
    if provider.query:
        path += ("&" if "?" in path else "?") + urlencode(provider.query)
    # Names have no case: without this, two spellings of one header would both be sent.
    headers = {name.lower(): value for name, value in (*forwarded.items(), *asking.headers.items())}
    headers |= {name.lower(): value for name, value in provider.headers.items()}
    headers |= {"content-type": "application/json", "accept-encoding": "identity"}
    if provider.key is not None:
        name, form = AUTH[provider.auth or dialect.auth]
        headers[name.lower()] = form.format(provider.key.value)
    return Outgoing(target.base_url + path, headers, asking.body)


async def _answer(incoming: Incoming, dialect: Dialect, stream: bool, target: Target) -> Response:
    headers = dict(incoming.headers)
    if incoming.status != 200:
        body = await _whole(incoming, MAX_ERROR)
        incoming.close()
        raise dialect.error(incoming.status, incoming.headers, _without_key(body, target))
    if not stream:
        body = await _whole(incoming, MAX_ANSWER)
        incoming.close()
        return Response(200, headers, body)
    if not incoming.headers.get("Content-Type", "").startswith("text/event-stream"):
        raise BadAnswer(f"{target.id} answered a stream request with {incoming.headers.get('Content-Type', 'no type')}")
    held = await _first_content(incoming, dialect)
    return Response(200, headers, Streaming(incoming, held, target.timeouts.idle, target.id))


def _without_key(body: bytes, target: Target) -> bytes:
    # Some hosts quote the key they refuse, and a refusal reaches the caller and the log.
    key = target.provider.key.value.encode() if target.provider.key else b""
    return body.replace(key, b"[key]") if key else body


async def _whole(incoming: Incoming, limit: int) -> bytes:
    parts, size = [], 0
    while data := await incoming.read():
        parts.append(data)
        size += len(data)
        if size > limit:
            raise BadAnswer(f"the provider's answer is over {limit} bytes")
    return b"".join(parts)


async def _first_content(incoming: Incoming, dialect: Dialect) -> bytes:
    """All that came up to and with the first event that carries content; role-only deltas and pings wait with it."""
    framer = Framer()
    held = bytearray()
    while data := await incoming.read():
        held += data
        try:
            events = framer.feed(data)
        except EventTooLarge as error:
            raise BadAnswer(f"the provider's stream: {error}") from None
        if any(dialect.begins(decode(event)) for event in events):
            return bytes(held)
        if events and len(held) > MAX_HELD_BACK:
            raise BadAnswer(f"no content in the first {MAX_HELD_BACK} bytes of the stream")
    if dialect.begins(decode(framer.rest())):
        return bytes(held)
    raise Disconnected("the provider ended the stream before any content")


@dataclass(slots=True)
class Streaming:
    """The rest of a stream whose beginning is in hand."""

    incoming: Incoming
    held: bytes
    idle: float
    target: str
    _deadline: float = field(default=0.0, init=False)

    async def read(self) -> bytes:
        if self.held:
            held, self.held = self.held, b""
            return held
        return await self._next()

    async def _next(self) -> bytes:
        # The caller's read may be cancelled to send a ping; silence is counted from the last byte all the same.
        now = asyncio.get_running_loop().time()
        self._deadline = self._deadline or now + self.idle
        try:
            async with asyncio.timeout_at(self._deadline):
                data = await self.incoming.read()
        except TimeoutError:
            raise Silent(f"{self.target} sent nothing for {self.idle:g} s") from None
        self._deadline = 0.0
        return data

    def close(self) -> None:
        self.incoming.close()
