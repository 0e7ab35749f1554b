"""A call of an attempt with a fake transport, and a listener that records its calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from multidict import CIMultiDict

from proxy.dialects.contract import ProviderRequest
from proxy.errors import ParrotError
from proxy.exchange import Attempt
from proxy.routing.facts import Facts
from proxy.upstream.call import UpstreamCall, make_start_call
from tests.fakes import ANSWER, FakeTransfer, FakeTransport, chunk_event, exchange_with_attempt, snapshot

SSE = CIMultiDict({"Content-Type": "text/event-stream; charset=utf-8", "x-request-id": "up-1"})
ROLE = b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
COMMENT = b": hold on\n\n"
TEXT = chunk_event(ANSWER)
MORE = chunk_event(" more")
FINISH = chunk_event(finish="stop")
DONE = b"data: [DONE]\n\n"


@dataclass
class Listener:
    """Records what it receives of a call; implements `attempts.call.CallListener`."""

    calls: list[str] = field(default_factory=list)
    """The methods that were called, in order."""
    data: list[bytes] = field(default_factory=list)
    """What they were given, but for the failure."""
    failure: ParrotError | None = None
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    def on_response(self, call: UpstreamCall, body: bytes) -> None:
        self._record("response", body)
        self.is_over.set()

    def on_content(self, call: UpstreamCall, data: bytes) -> None:
        self._record("content", data)

    def on_data(self, call: UpstreamCall, data: bytes) -> None:
        self._record("data", data)

    def on_end(self, call: UpstreamCall) -> None:
        self.calls.append("end")
        self.is_over.set()

    def on_failure(self, call: UpstreamCall, failure: ParrotError) -> None:
        self.calls.append("failure")
        self.failure = failure
        self.is_over.set()

    def _record(self, name: str, data: bytes) -> None:
        self.calls.append(name)
        self.data.append(data)


@dataclass
class Run:
    """One call of an attempt, and what came of it."""

    attempt: Attempt
    listener: Listener
    call: UpstreamCall

    @property
    def transport(self) -> FakeTransport:
        return self.attempt.exchange.runtime.transport  # type: ignore[return-value]

    @property
    def transfer(self) -> FakeTransfer:
        """The one request that was sent."""
        (transfer,) = self.transport.transfers
        return transfer

    @property
    def is_closed(self) -> bool:
        """Whether the connection was closed before the response was complete."""
        return bool(self.transfer.aborted)

    async def end(self) -> Listener:
        """Start the call and return at its end."""
        self.call.start()
        await self.listener.is_over.wait()
        return self.listener

    async def fail(self, kind: type[ParrotError], message: str) -> ParrotError:
        """Run the call, which must fail so."""
        failure = (await self.end()).failure
        assert type(failure) is kind and message in failure.message, repr(failure)
        return failure


def run(row: Any, *, stream: bool = True, timeouts: str = "{}", before: tuple[Any, ...] = ()) -> Run:
    """Return a call, not yet started, whose request is answered by a row of FakeTransport."""
    if isinstance(row, list):
        row = (200, SSE, row)
    made = exchange_with_attempt(transport=FakeTransport([row]), snap=snapshot(timeouts), raw=b"{}")
    made.facts = Facts("chat", "m", stream=stream)
    attempt = made.winning_attempt
    assert attempt is not None
    attempt.provider_request = ProviderRequest("/chat/completions", b"{}")
    listener = Listener()
    call = make_start_call(before)(attempt, listener)  # type: ignore[arg-type]
    assert isinstance(call, UpstreamCall)
    return Run(attempt, listener, call)


def named(event: bytes) -> bytes:
    """Return a chunk as the caller gets it, with the provider's name."""
    return event.replace(b"}\n\n", b',"provider":"a"}\n\n')
