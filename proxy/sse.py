"""Server-sent events: bytes in any cuts become whole events, and back."""

from __future__ import annotations

import re

from msgspec import Struct

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""Bytes; an event may hold an image."""

# Two line endings; possessive, so that "\r\n" is one of them and never "\r" followed by "\n". A class in front, not
# alternatives, lets the engine skip ahead to it.
_BLANK_LINE = re.compile(rb"[\r\n](?:(?<=\r)\n)?+(?:\r\n?+|\n)")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"
_LF, _CR = b"\n\r"
"""As numbers: to look for b"\\r" in bytes raises and catches a TypeError within Python first."""


class EventTooLargeError(Exception):
    """An event passed the limit before it ended."""


class Framer:
    """Cuts a stream after each blank line; the bytes given out are the bytes put in."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.max_event_bytes = max_event_bytes
        self._buffer = b""
        self._scanned = 0
        self._carriage = False

    def feed(self, data: bytes) -> list[bytes]:
        """The events that `data` completes, each with the blank line that ends it.

        Raises EventTooLargeError for one that is over the limit before it ends; events before it are returned first."""
        buffer = self._buffer + data
        self._carriage = self._carriage or _CR in data
        after = _end_of_blank_line if self._carriage else _end_of_lf_blank_line
        events: list[bytes] = []
        start, size, end = 0, len(buffer), after(buffer, self._scanned)
        while end:
            events.append(buffer[start:end])
            start, end = end, after(buffer, end) if end < size else 0
        self._buffer = buffer[start:]
        # A line ending is two bytes at most, so three from the end nothing can begin that was not looked at.
        self._scanned = size - start - 3 if size - start > 3 else 0
        if size - start > self.max_event_bytes and not events:
            raise EventTooLargeError(f"an event is over {self.max_event_bytes} bytes")
        return events

    def flush(self) -> bytes:
        """What came after the last blank line; the framer is empty then."""
        rest, self._buffer, self._scanned = self._buffer, b"", 0
        return rest


def _end_of_lf_blank_line(buffer: bytes, begin: int) -> int:
    """Where the first blank line ends, or 0, where no line ends in CR."""
    end = buffer.find(b"\n", begin) + 1
    # One byte is sought, not two: that is what the C library does fast.
    while end and buffer[end : end + 1] != b"\n":
        end = buffer.find(b"\n", end) + 1
    return end and end + 1


def _end_of_blank_line(buffer: bytes, begin: int) -> int:
    """The same whatever lines end in; a last CR may be half a CRLF, so it waits."""
    match = _BLANK_LINE.search(buffer, begin)
    if match is None or (match.end() == len(buffer) and buffer.endswith(b"\r")):
        return 0
    return match.end()


def split_frames(data: bytes) -> list[bytes]:
    """Whole frames, one by one; nothing follows, so a last CR is no half of a CRLF."""
    framer = Framer()
    found = framer.feed(data)
    return [*found, rest] if (rest := framer.flush()) else found


class Event(Struct, frozen=True):
    """One event's name ("" if it has none) and data (None if it has no data line)."""

    name: str
    data: bytes | None


def decode(frame: bytes) -> Event:
    """One frame's fields by the WHATWG rules; `id`, `retry`, comments and unknown fields are passed over."""
    name, data = "", []
    for line in _LINE_END.split(frame.removeprefix(_BOM)):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return Event(name, b"\n".join(data) if data else None)


def data_of(frame: bytes) -> bytes | None:
    """One frame's data alone, None if it has no data line."""
    line = frame[6:-2]
    if frame[:6] == b"data: " and frame[-2:] == b"\n\n" and _LF not in line and _CR not in line:
        return line  # as nearly all frames are
    return decode(frame).data


def encode(data: bytes, name: str = "") -> bytes:
    """One event on the wire; `data` is one line, as JSON is."""
    prefix = f"event: {name}\n".encode() if name else b""
    return prefix + b"data: " + data + b"\n\n"
