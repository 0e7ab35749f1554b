"""Clients' streams are classified, and a small outage neither truncates nor duplicates text."""

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
    ("events", "expected"),
    [
        ([TEXT, END, DONE], "complete, from a"),
        ([TEXT, MORE, END, DONE], "complete, from a and b"),
        ([TEXT, ERROR], "ended with an error event"),
        ([TEXT, ERROR, DONE], "ERROR AND TERMINAL EVENT"),
        ([TEXT], "TRUNCATED WITHOUT AN ERROR"),
        ([END, DONE], "TRUNCATED BUT FINISHED"),
        ([TEXT, TEXT, END, DONE], "DUPLICATED TEXT"),
    ],
)
def test_streams_are_classified(events: list[bytes], expected: str) -> None:
    assert classify_stream(b"".join(map(encode, events)).decode(), "hi") == expected


async def test_a_small_outage_has_no_forbidden_result() -> None:
    counts = await run_outage(6, "prefill")
    assert sum(counts.values()) == 6 and not any(result.isupper() for result in counts)
