"""Adds a member to a JSON object without parsing or re-serialising it: every other byte stays as it was."""

from __future__ import annotations

import re
from collections import deque
from functools import lru_cache

import orjson

_BRACE_OF_DATA = re.compile(rb"(?:\A(?:\xef\xbb\xbf)?|[\r\n])data:[^\r\n]*\}")
"""A data line up to its last brace."""
_SINGLE_LINE_OVERHEAD = len(b"data: \n\n")


@lru_cache(maxsize=256)
def provider_member(provider: str) -> bytes:
    """Return the member that names the provider to the caller."""
    return b'"provider":' + orjson.dumps(provider)


def append_member(data: bytes, member: bytes) -> bytes:
    """Append a member such as `"a":1` to the object that ends with the last brace in `data`."""
    return insert_member(data, data.rindex(b"}"), member)


def insert_member(data: bytes, end: int, member: bytes) -> bytes:
    """Insert a member before the closing brace at index `end`, with a comma unless the object is empty."""
    before = data[:end]
    comma = b"" if before.rstrip()[-1:] == b"{" else b","
    return b"".join((before, comma, member, data[end:]))


def append_to_event(frame: bytes, data: bytes, member: bytes) -> bytes:
    """Append a member to the object in an SSE frame. `data` is what `sse.data_of` returns for it.

    Comments and other fields may follow the data, with braces of their own, so the brace is searched in the data lines.
    """
    if (
        len(frame) - len(data) <= _SINGLE_LINE_OVERHEAD
    ):  # nearly all frames, as no second line with a brace fits in there
        return append_member(frame, member)
    (last,) = deque(_BRACE_OF_DATA.finditer(frame), maxlen=1)
    end = last.end()
    return append_member(frame[:end], member) + frame[end:]
