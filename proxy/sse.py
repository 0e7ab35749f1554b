"""Server-sent events: bytes in any cuts become whole events, and back."""

from __future__ import annotations

import re

from msgspec import Struct

MAX_EVENT = 8 * 1024 * 1024
"""Bytes; an event may hold an image."""

# Two line endings; possessive, so that "\r\n" is one of them and never "\r" followed by "\n". A class in front, not
# alternatives, lets the engine skip ahead to it.
_BLANK_LINE = re.compile(rb"[\r\n](?:(?<=\r)\n)?+(?:\r\n?+|\n)")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"


class EventTooLarge(Exception):
    """An event passed the limit before it ended."""


class Framer:
    """Cuts a stream after each blank line; the bytes given out are the bytes put in."""

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self.max_event = max_event
        self._buffer = b""
        self._scanned = 0
        self._carriage = False

    def feed(self, data: bytes) -> list[bytes]:
        """The events that `data` completes, each with the blank line that ends it."""
        self._buffer += data
        self._carriage = self._carriage or b"\r" in data
        events = []
        start = 0
        while (end := self._blank_line(start)) >= 0:
            events.append(self._buffer[start:end])
            start = end
        self._keep(start)
        return events

    def rest(self) -> bytes:
        """What came after the last blank line; the framer is empty then."""
        rest, self._buffer, self._scanned = self._buffer, b"", 0
        return rest

    def _blank_line(self, start: int) -> int:
        """Where the event that begins at `start` ends, or -1; a last CR may be half a CRLF, so it waits."""
        begin = max(start, self._scanned)
        if not self._carriage:
            found = self._buffer.find(b"\n\n", begin)
            return found + 2 if found >= 0 else -1
        match = _BLANK_LINE.search(self._buffer, begin)
        if match is None or (match.end() == len(self._buffer) and self._buffer.endswith(b"\r")):
            return -1
        return match.end()

    def _keep(self, start: int) -> None:
        self._buffer = self._buffer[start:]
        # A line ending is two bytes at most, so three from the end nothing can begin that was not looked at.
        self._scanned = max(0, len(self._buffer) - 3)
        if len(self._buffer) > self.max_event:
            raise EventTooLarge(f"an event is over {self.max_event} bytes")


class Event(Struct, frozen=True):
    """One event's name ("" if it has none) and data (None if it has no data line)."""

    name: str
    data: bytes | None


def decode(frame: bytes) -> Event:
    """One frame's fields by the WHATWG rules; `id`, `retry`, comments and unknown fields are passed over."""
    if frame.startswith(b"data: ") and frame.find(b"\n") == len(frame) - 2 and b"\r" not in frame:
        return Event("", frame[6:-2])
    name, data = "", []
    for line in _LINE_END.split(frame.removeprefix(_BOM)):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return Event(name, b"\n".join(data) if data else None)


def encode(data: bytes, name: str = "") -> bytes:
    """One event on the wire; `data` is one line, as JSON is."""
    prefix = f"event: {name}\n".encode() if name else b""
    return prefix + b"data: " + data + b"\n\n"
