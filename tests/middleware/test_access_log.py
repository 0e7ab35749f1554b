"""Each request leaves one line at its end, without a secret in it."""

from __future__ import annotations

import pytest

from proxy.dialects.errors import error_response
from proxy.errors import InvalidRequestError
from proxy.exchange import Exchange
from proxy.middleware.access_log import AccessLog
from proxy.routing.facts import Facts
from tests.fakes import (
    CALLER_KEY,
    CANARIES,
    FOREVER,
    MemoryLog,
    exchange,
    exchange_with_attempt,
    request,
    run_request,
    start_request,
)

CHAIN = {"X-Provider-Fallbacks": "a,b,c"}


def one_request(log: MemoryLog, rows: list[object], headers: dict[str, str] | None = None) -> Exchange:
    """Return a request for the providers a, b and c, in this order, which answer with these rows."""
    one = exchange(request({**CHAIN, **(headers or {})}), log=log)
    one.runtime.transport.rows[:] = rows
    return one


async def test_the_line_is_written_at_the_end_of_the_request() -> None:
    log = MemoryLog()
    client = start_request(one_request(log, [FOREVER]))
    assert log.lines == []
    client.disconnect()
    assert len(log.lines) == 1


def test_the_line_has_provider_outcome_times_and_tokens() -> None:
    log = MemoryLog()
    one = exchange_with_attempt(log=log)
    winner = one.winning_attempt
    assert winner is not None
    one.identity, one.facts = "app", Facts("chat", "m", stream=True)
    one.status, one.outcome, one.first_content_at, one.overhead_ms = 200, "ok", 100.5, 1.25
    winner.outcome = "ok"
    winner.completion.usage = {"prompt_tokens": 3, "completion_tokens": 5}
    one.runtime.clock.now = 102.0
    AccessLog().closed(one)
    [line] = log.lines
    line.pop("timestamp")
    assert line == {
        "event": "request_completed", "level": "info", "request_id": "req-1", "key": "app", "model": "m", "stream": True,
        "outcome": "ok", "status": 200, "provider": "a", "region": "us", "attempts": ["a@us/m-a: ok"],
        "ttft_ms": 500.0, "total_ms": 2000.0, "overhead_ms": 1.25, "prompt_tokens": 3, "completion_tokens": 5,
        "dropped_events": None,
    }  # fmt: skip


async def test_a_request_without_an_attempt_is_logged() -> None:
    log = MemoryLog()
    await run_request(one_request(log, [], {"X-Provider": "nobody"}))
    [line] = log.lines
    assert (line["outcome"], line["status"]) == ("invalid_header", 400)
    assert line["provider"] is None and line["attempts"] == [] and line["ttft_ms"] is None


async def test_every_attempt_is_listed_with_its_outcome() -> None:
    log = MemoryLog()
    await run_request(one_request(log, [504, (429, {}), 200]))
    [line] = log.lines
    assert line["attempts"] == ["a@us/m-a: timeout", "b@us/m-b: rate_limit", "c@us/m-c: ok"]
    assert line["provider"] == "c"


async def test_a_failed_request_names_no_provider() -> None:
    log = MemoryLog()
    await run_request(one_request(log, [InvalidRequestError(each) for each in "abc"]))
    [line] = log.lines
    assert (line["outcome"], line["provider"], line["attempts"]) == ("invalid_request", None, [])


async def test_neither_prompt_nor_answer_nor_any_key_is_logged() -> None:
    log = MemoryLog()
    failure = error_response(401, {}, f"bad key {CANARIES[2]}, said {CANARIES[3]}")
    await run_request(one_request(log, [failure, 200], {"Authorization": f"Bearer {CALLER_KEY}"}))
    assert log.lines
    assert not [canary for canary in CANARIES if canary in log.text]


async def test_a_request_whose_client_disconnects_is_logged_as_such() -> None:
    log = MemoryLog()
    start_request(one_request(log, [FOREVER])).disconnect()
    [line] = log.lines
    assert (line["outcome"], line["status"]) == ("client_disconnected", None)
    assert line["attempts"] == ["a@us/m-a: cancelled"]


@pytest.mark.parametrize(
    ("path", "outcome", "lines"),
    [
        ("/v1/providers/health", "ok", 0),
        ("/v1/providers/performance?window=30s", "ok", 0),
        ("/dashboard", "ok", 0),
        ("/v1/providers/health", "invalid_request", 1),
        ("/v1/models", "ok", 1),
    ],
)
def test_a_poll_of_the_providers_is_logged_only_when_it_fails(path: str, outcome: str, lines: int) -> None:
    log = MemoryLog()
    one = exchange(request(path=path), log=log)
    one.outcome = outcome
    AccessLog().closed(one)
    assert len(log.lines) == lines
