"""The caller's end of a stream: the event that ends it, and where it must be translated all others, in the caller's format.

Where the attempts' events are in the hub's format and the caller speaks another, they are translated here: after what a
resume removes from them, and before the transforms of the middlewares.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.attempts.call import StreamWriter
from proxy.attempts.hub_request import answer_context
from proxy.attempts.stream_error import error_event
from proxy.errors import ParrotError
from proxy.exchange import Attempt, Exchange
from proxy.ingress.client_format import FromHub
from proxy.sse import encode

_DONE = encode(b"[DONE]")
_COUNTED_CHARS = 16 * 1024
"""An answer is counted as memory in pieces of this size."""


class ClientStream:
    """A stream whose events are in the caller's format already."""

    __slots__ = ("_exchange", "_writer", "translate")

    def __init__(self, exchange: Exchange, writer: StreamWriter, from_hub: FromHub | None = None) -> None:
        self.translate: Callable[[bytes], bytes] | None = from_hub.feed if from_hub is not None else None
        """Turns whole events of the attempts into the caller's. None if they are the same, and not observed."""
        self._exchange = exchange
        self._writer = writer
        exchange.from_hub = from_hub

    def complete(self, *, is_done: bool) -> None:
        """End a complete stream with the terminal event, unless the provider has sent it."""
        terminal = self._exchange.client_format.terminal
        if not is_done and terminal:
            self._writer.write(terminal)
        self._writer.finish("ok")

    def fail(self, failure: ParrotError) -> None:
        """End with an error event: the provider's own if it sent one that clients can read."""
        self._writer.write(error_event(failure, self._exchange))
        self._writer.finish(failure.outcome)


class TranslatedStream(ClientStream):
    """A stream of the hub's format for a caller of another."""

    __slots__ = ("_from_hub", "_held_chars")

    def __init__(self, exchange: Exchange, writer: StreamWriter, from_hub: FromHub) -> None:
        super().__init__(exchange, writer, from_hub)
        self._from_hub = from_hub
        self.translate = self._translate
        self._held_chars = 0
        """Characters of the answer that are counted as memory."""

    def _translate(self, data: bytes) -> bytes:
        """Translate events. Raises OverloadedError if there is no memory for what is kept of the answer."""
        translated = self._from_hub.feed(data)
        kept = self._from_hub.kept_chars - self._held_chars
        if kept >= _COUNTED_CHARS:
            self._exchange.memory.hold(kept)
            self._held_chars += kept
        return translated

    def complete(self, *, is_done: bool) -> None:
        """End a complete stream with the terminal events that are still to be sent."""
        rest = b"" if is_done else self._from_hub.feed(_DONE)
        rest += self._from_hub.end()
        if rest:
            self._writer.write(rest)
        self._writer.finish("ok")

    def fail(self, failure: ParrotError) -> None:
        """End with an error event."""
        self._writer.write(self._from_hub.fail(failure))
        self._writer.finish(failure.outcome)


def client_stream(attempt: Attempt, writer: StreamWriter) -> ClientStream:
    """Return the stream of the caller whose first events are this attempt's."""
    exchange = attempt.exchange
    client_format = exchange.client_format
    if attempt.is_translated and client_format.stream_from_hub is not None:
        return TranslatedStream(exchange, writer, client_format.stream_from_hub(answer_context(exchange)))
    observer = client_format.passed_stream() if client_format.passed_stream is not None else None
    return ClientStream(exchange, writer, observer)
