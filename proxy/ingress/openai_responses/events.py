"""Writes the typed events of one response, numbered from 0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from proxy.dialects.hub.splice import provider_member
from proxy.dialects.lenient_json import serialize
from proxy.sse import encode


class Events(Protocol):
    """Where the events of a response go."""

    def write(self, kind: str, members: Mapping[str, Any]) -> bytes:
        """Return the event as it is sent, b"" if it is not."""


class EventWriter:
    """The events of a stream. Each names the provider, as every chunk of the other formats does."""

    def __init__(self) -> None:
        self._count = 0
        self._end = b"}"

    def set_provider(self, provider: str) -> None:
        """Name the provider in the events from here on."""
        self._end = b"," + provider_member(provider) + b"}"

    def write(self, kind: str, members: Mapping[str, Any]) -> bytes:
        """Return the next event."""
        event = {"type": kind, "sequence_number": self._count, **members}
        self._count += 1
        return encode(serialize(event)[:-1] + self._end, kind)


class NoEvents:
    """For a response that is not streamed."""

    def write(self, kind: str, members: Mapping[str, Any]) -> bytes:
        """Return nothing."""
        return b""
