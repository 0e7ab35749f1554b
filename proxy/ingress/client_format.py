"""What the request path knows of the format that a caller speaks: how a stream is kept open, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proxy.errors import ParrotError


@dataclass(frozen=True, slots=True)
class ClientFormat:
    """A caller's format, as a value made of pure functions."""

    name: str
    error_body: Callable[[ParrotError], bytes]
    """The JSON body of a response that is an error."""
    error_event: Callable[[ParrotError], bytes]
    """The event, as bytes on the wire, that ends a stream which is not complete."""
    terminal: bytes
    """The event that ends a complete stream, where the provider has not sent one. It is b"" if the format has none."""
    ping: bytes
    """What may be sent between two events to keep a quiet stream open. It is b"" if the format allows nothing."""
    is_resumable: bool
    """Whether `resilience.resume` can make one stream of the beginning of one answer and the rest of another."""
