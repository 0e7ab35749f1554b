"""Clients' streams are classified, and a small outage neither truncates nor duplicates text."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from bench import outage
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


@pytest.mark.parametrize(
    ("results", "status"),
    [(["complete, from a"], 0), (["TRUNCATED BUT FINISHED", "complete, from a", "complete, from a"], 1)],
)
def test_the_exit_status_is_1_for_a_forbidden_result(
    results: list[str], status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def counted(streams: int, resume: str) -> Counter[str]:
        return Counter(results)

    monkeypatch.setattr(outage, "run_outage", counted)
    monkeypatch.setattr(sys, "argv", ["outage"])
    assert outage.main() == status
    assert all(result in capsys.readouterr().out for result in results[:1])


async def test_a_small_outage_has_no_forbidden_result() -> None:
    counts = await run_outage(6, "prefill")
    assert sum(counts.values()) == 6 and not any(result.isupper() for result in counts)
