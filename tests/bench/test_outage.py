"""What a client got is called by its name; and in a small outage nothing is truncated or doubled."""

from __future__ import annotations

import pytest

from bench.outage import classify_stream, run_outage
from proxy.sse import encode

TEXT = b'{"provider":"a","choices":[{"delta":{"content":"Hello from a. You said: hi"}}]}'
END = b'{"provider":"a","choices":[{"delta":{},"finish_reason":"stop"}]}'
MORE = b'{"provider":"b","choices":[{"delta":{"content":" hi"}}]}'
ERROR = b'{"error":{}}'
DONE = b"[DONE]"


@pytest.mark.parametrize(
    ("events", "word"),
    [
        ([TEXT, END, DONE], "whole, from a"),
        ([TEXT, MORE, END, DONE], "whole, from a and b"),
        ([TEXT, ERROR], "cut, and says so"),
        ([TEXT, ERROR, DONE], "ERROR AND DONE"),
        ([TEXT], "TRUNCATED WITHOUT A WORD"),
        ([END, DONE], "TRUNCATED AS IF WHOLE"),
        ([TEXT, TEXT, END, DONE], "DOUBLED"),
    ],
)
def test_what_came_has_a_name(events: list[bytes], word: str) -> None:
    assert classify_stream(b"".join(map(encode, events)).decode(), "hi") == word


async def test_a_small_outage_harms_nobody() -> None:
    counts = await run_outage(6, "prefill")
    assert sum(counts.values()) == 6 and not any(what.isupper() for what in counts)
