"""Server-sent events (WHATWG): splits a byte stream into frames, parses a frame into an event, and encodes events.

A frame is the bytes of one event, including the blank line that ends it.
"""

from __future__ import annotations

import re

from msgspec import Struct

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""Events may contain base64 images."""

# Two line ends. The possessive quantifiers keep "\r\n" one line end, never "\r" followed by "\n". The pattern starts with a
# character class, not with alternatives, so that the engine can skip ahead to it.
_BLANK_LINE = re.compile(rb"[\r\n](?:(?<=\r)\n)?+(?:\r\n?+|\n)")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_ID_LINE = re.compile(rb"(?<![^\r\n])id(?::[^\r\n]*+)?+(?:\r\n?+|\n)")
# A line with that field, without the space after its colon. Both follow a line end, so that whole lines are skipped fast.
_DATA = re.compile(rb"[\r\n]data(?:: ?([^\r\n]*+))?+(?=[\r\n]|\Z)")
_NAME = re.compile(rb"[\r\n]event(?:: ?([^\r\n]*+))?+(?=[\r\n]|\Z)")
_BOM = b"\xef\xbb\xbf"


class EventTooLargeError(Exception):
    """An event exceeds the size limit."""


class Framer:
    """Splits a stream into frames, after each blank line. Line ends may be LF, CR or CRLF. No byte is changed or lost.

    The buffer holds the bytes after the last blank line. It grows in place and is scanned only once (`_scanned` is where the
    next search starts), so an event in many small pieces takes no longer than in one. As long as the stream has no CR, the
    search is a plain `bytes.find`.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.max_event_bytes = max_event_bytes
        self._buffer = bytearray()
        self._scanned = 0
        self._has_cr = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that `data` completes.

        Raises EventTooLargeError if an incomplete event exceeds the limit. Frames before it are returned first.
        """
        self._has_cr = self._has_cr or data.find(b"\r") >= 0
        if not self._has_cr and not self._buffer and data.find(b"\n\n") == len(data) - 2 >= 0:
            return [data]  # fast path for most reads
        find_end = _end_of_blank_line if self._has_cr else _end_of_lf_blank_line
        held = self._buffer
        if held:
            held += data
            if not (end := find_end(held, self._scanned)):
                return self._hold([])
            data = bytes(held)
            held.clear()
        else:
            end = find_end(data, 0)
        events: list[bytes] = []
        start, size = 0, len(data)
        while end:
            events.append(data[start:end])
            start, end = end, find_end(data, end) if end < size else 0
        if start == size:
            return events
        held += data[start:]
        return self._hold(events)

    def _hold(self, events: list[bytes]) -> list[bytes]:
        """Return the events, with an incomplete one in the buffer. Raises EventTooLargeError if there is no other."""
        size = len(self._buffer)
        # Two line ends are at most four bytes, so an incomplete blank line starts at most three bytes before the end.
        self._scanned = max(0, size - 3)
        if size > self.max_event_bytes and not events:
            raise EventTooLargeError(f"an event is over {self.max_event_bytes} bytes")
        return events

    def flush(self) -> bytes:
        """Return the bytes after the last blank line, and clear the buffer."""
        rest, self._buffer, self._scanned = bytes(self._buffer), bytearray(), 0
        return rest


def _end_of_lf_blank_line(buffer: bytes | bytearray, start_at: int) -> int:
    """Return where the first blank line ends in a stream without CR, or 0 if there is none."""
    end = buffer.find(b"\n", start_at) + 1
    # Searching for one byte is much faster than for two (memchr).
    while end and buffer[end : end + 1] != b"\n":
        end = buffer.find(b"\n", end) + 1
    return end and end + 1


def _end_of_blank_line(buffer: bytes | bytearray, start_at: int) -> int:
    """Return where the first blank line ends, 0 if there is none or if it ends in a CR that may be half of a CRLF."""
    match = _BLANK_LINE.search(buffer, start_at)
    if match is None or (match.end() == len(buffer) and buffer.endswith(b"\r")):
        return 0
    return match.end()


def split_frames(data: bytes) -> list[bytes]:
    """Split complete data into frames. The last one may lack its blank line."""
    framer = Framer()
    complete = framer.feed(data)
    return [*complete, rest] if (rest := framer.flush()) else complete


class Event(Struct, frozen=True):
    """An event: its name ("" if it has none) and its data (None if it has no data line)."""

    name: str
    data: bytes | None


def decode(frame: bytes) -> Event:
    """Parse a frame by the WHATWG rules. `id`, `retry`, comments and unknown fields are ignored."""
    lines = b"\n" + frame.removeprefix(_BOM)
    data, names = _DATA.findall(lines), _NAME.findall(lines)
    return Event(names[-1].decode("utf-8", "replace") if names else "", b"\n".join(data) if data else None)


def data_of(frame: bytes) -> bytes | None:
    """Return the data of a frame, None if it has no data line."""
    line = frame[6:-2]
    if frame[:6] == b"data: " and frame[-2:] == b"\n\n" and line.find(b"\n") < 0 and line.find(b"\r") < 0:
        return line  # fast path for most frames
    if frame.find(b"data") < 0:
        return None  # a ping, or only line ends
    data = _DATA.findall(b"\n" + frame.removeprefix(_BOM))
    return b"\n".join(data) if data else None


def is_comment(frame: bytes) -> bool:
    """Return whether a frame has nothing but comments, so that no client takes it for an event."""
    return all(line[:1] == b":" for line in _LINE_END.split(frame.removeprefix(_BOM)) if line)


def without_ids(frame: bytes) -> bytes:
    """Return a frame without its `id` lines.

    After an event with an id, OpenAI's SDK takes every comment for an event without data, and fails.
    """
    return _ID_LINE.sub(b"", frame)


def encode(data: bytes, name: str = "") -> bytes:
    """Return the frame of an event. `data` must not contain line ends, as JSON does not."""
    prefix = f"event: {name}\n".encode() if name else b""
    return prefix + b"data: " + data + b"\n\n"
