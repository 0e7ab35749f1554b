"""The beginning of a stream, held back until its first event with content."""

from __future__ import annotations

from collections.abc import Callable

from proxy.dialects.hub.chunk import DONE
from proxy.errors import MalformedResponse, UpstreamDisconnected
from proxy.messages import StreamTransform
from proxy.sse import Event, Framer, decode

_PINGS = frozenset({"ping", "keepalive", "heartbeat"})
"""Names of events that say nothing about the request."""
_ENDED = "the provider ended the stream before any content"


class HeldStream:
    """Keeps what arrives, and frames it only to look for content. From then on it is translated."""

    __slots__ = (
        "_bytes_without_content", "_framer", "_has_content", "_has_lifecycle_event", "_make_transform",
        "_max_bytes", "_parts", "transform",
    )  # fmt: skip

    def __init__(
        self, has_content: Callable[[Event], bool], make_transform: Callable[[], StreamTransform], max_bytes: int
    ) -> None:
        self.transform: StreamTransform | None = None
        """What translates the stream. None until there is content."""
        self._has_content = has_content
        self._make_transform = make_transform
        self._max_bytes = max_bytes
        self._framer = Framer()
        self._parts: list[bytes] = []
        self._bytes_without_content = 0
        self._has_lifecycle_event = False

    def take_lifecycle_event(self) -> bool:
        """Return whether an event without content has arrived, since the last call, that says how the request goes on."""
        had_one, self._has_lifecycle_event = self._has_lifecycle_event, False
        return had_one

    def feed(self, data: bytes) -> bytes:
        """Return the translation of all that has arrived, b"" until there is content in it.

        Raises MalformedResponse if the events without content have more than `max_bytes` in all, UpstreamDisconnected
        if `[DONE]` is among them, and EventTooLargeError.
        """
        if self.transform is not None:
            return self.transform.feed(data)
        self._parts.append(data)
        return self._translate() if self._completes_content(data) else b""

    def end(self) -> bytes:
        """Return the translation if the last event is the first with content and lacks only its blank line.

        Raises UpstreamDisconnected if there is no content.
        """
        if self.transform is not None:
            return b""
        if not self._has_content(decode(self._framer.flush())):
            raise UpstreamDisconnected(_ENDED)
        return self._translate()

    def _completes_content(self, data: bytes) -> bool:
        for frame in self._framer.feed(data):
            event = decode(frame)
            if event.data == DONE:
                raise UpstreamDisconnected(_ENDED)
            if self._has_content(event):
                return True
            if event.name and event.name not in _PINGS:
                self._has_lifecycle_event = True
            self._bytes_without_content += len(frame)
            if self._bytes_without_content > self._max_bytes:
                raise MalformedResponse(f"no content in the first {self._max_bytes} bytes of the stream")
        return False

    def _translate(self) -> bytes:
        parts, self._parts = self._parts, []
        self.transform = self._make_transform()
        return self.transform.feed(b"".join(parts))
