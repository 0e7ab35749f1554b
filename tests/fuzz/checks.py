"""What comes out of a fuzzed function must be JSON, or events of it."""

from __future__ import annotations

import json
from contextlib import suppress

from proxy.sse import data_of, split_frames


def check_json(data: bytes) -> None:
    """Fail unless it is JSON in UTF-8. It may be nested deeper than Python reads, and have longer numbers."""
    with suppress(RecursionError):
        json.loads(data.decode(), parse_int=len)


def check_events(stream: bytes) -> None:
    """Fail unless each event of a stream has JSON as its data."""
    for frame in split_frames(stream):
        data = data_of(frame)
        if data is not None and data != b"[DONE]":
            check_json(data)
