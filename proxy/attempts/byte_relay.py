"""Relays an answer that passes as bytes. Where it breaks, the caller's connection is closed: it must not look complete."""

from __future__ import annotations

from math import inf

from proxy.attempts import outcomes
from proxy.attempts.call import Call, StreamWriter, ends_request_on_exception
from proxy.attempts.events import AttemptEvent, Cancelled, Completed, Failed
from proxy.attempts.stream_resume import release_request
from proxy.errors import ParrotError, UpstreamError
from proxy.messages import ByteStream, Response
from proxy.resilience.breaker import BreakerSettings


class ByteRelay:
    """One such answer. Implements `attempts.call.CallListener`, and has the methods of `StreamRelay` that a run calls."""

    __slots__ = ("_breaker", "_call", "_writer", "due")

    def __init__(self, call: Call, writer: StreamWriter, breaker: BreakerSettings) -> None:
        self._call: Call | None = call
        self._writer = writer
        self._breaker = breaker
        self.due = inf

    # Called by the failover run.

    def start(self, data: bytes) -> None:
        """Relay the first bytes."""
        if (call := self._call) is not None:  # None if it was cancelled as its headers were sent
            call.listener = self
            release_request(call.attempt, is_resumable=False)
            self._writer.write(data)

    def check(self, now: float) -> None:
        """Do nothing: the transport watches the silence of the provider."""

    def pause(self) -> None:
        """Stop reading from the provider."""
        if self._call is not None:
            self._call.pause()

    def resume(self) -> None:
        """Read on."""
        if self._call is not None:
            self._call.resume()

    def interrupt(self, failure: UpstreamError) -> None:
        """Break the answer off, because the process is about to stop."""
        self.cancel()
        self._writer.finish(failure.outcome)

    def cancel(self) -> None:
        """Stop at once, because the caller has disconnected."""
        if self._call is not None:
            self._call.abort()
            self._settle(self._call, Cancelled())

    # Called by the call.

    @ends_request_on_exception
    def on_data(self, call: Call, data: bytes) -> None:
        """Relay more bytes."""
        self._writer.write(data)

    @ends_request_on_exception
    def on_end(self, call: Call) -> None:
        """Take the end of the response, which is that of the answer."""
        self._settle(call, Completed())
        self._writer.finish("ok")

    @ends_request_on_exception
    def on_failure(self, call: Call, failure: ParrotError) -> None:
        """Break the answer off."""
        event = Failed(failure) if isinstance(failure, UpstreamError) else Cancelled(outcome=failure.outcome)
        self._settle(call, event)
        self._writer.finish(failure.outcome)

    def on_content(self, call: Call, data: bytes) -> None:
        """Unreachable: the content has begun."""
        raise AssertionError

    def on_response(self, call: Call, body: bytes) -> None:
        """Unreachable: the content has begun."""
        raise AssertionError

    def crash(self, call: Call, error: Exception) -> None:
        """Abort the call and end the request, because of an unexpected exception."""
        call.abort()
        self._writer.crash(error)

    def _settle(self, call: Call, event: AttemptEvent) -> None:
        self._call = None
        outcomes.apply(call.attempt, event, self._breaker)


def stream_head(call: Call) -> Response:
    """Return the head of the response whose first content a call has: of bytes, or of events."""
    headers, content_type = dict(call.headers), call.attempt.content_type
    return ByteStream(200, headers, None, content_type=content_type) if content_type else Response(200, headers, None)
