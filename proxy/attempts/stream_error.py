"""The failure of a stream that the provider itself ends with an error event."""

from __future__ import annotations

from proxy.dialects.coerce import object_of
from proxy.dialects.errors import error_from_stream, message_from_value
from proxy.dialects.hub.events import error_of
from proxy.dialects.lenient_json import parse_or_none
from proxy.errors import ParrotError, UpstreamError
from proxy.exchange import Exchange
from proxy.sse import data_of, split_frames


class StreamError(UpstreamError):
    """An error event in a translated stream."""

    def __init__(self, before: bytes, event: bytes, local: ParrotError | None = None) -> None:
        error = error_of(object_of(parse_or_none(data_of(event) or b"")))
        members = object_of(error)
        super().__init__(message_from_value(error) or "the provider ended the stream with an error")
        self.before = before
        """The events before it."""
        self.event = event
        """The event itself, which passes to the caller if no other target can continue."""
        self.is_readable = isinstance(members.get("message"), str)
        """Whether the event is one that clients can read: its error is an object with a message."""
        meaning = error_from_stream(members or {"message": message_from_value(error)})
        self.trigger, self.status = meaning.trigger, meaning.status
        self.is_local = local is not None
        self.code = self.code if local is None else local.code

    @classmethod
    def find(cls, data: bytes, local: ParrotError | None = None) -> StreamError:
        """Return the error that is the last of these events, which `local` is the reason for if it is not the provider's."""
        *before, event = split_frames(data) or [b""]
        return cls(b"".join(before), event, local)


def error_event(failure: ParrotError, exchange: Exchange) -> bytes:
    """Return the event that ends the caller's stream: the provider's own if it sent one that clients can read."""
    if isinstance(failure, StreamError) and failure.is_readable:
        return failure.event
    return exchange.error_event(failure)
