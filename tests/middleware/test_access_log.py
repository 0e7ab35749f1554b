"""Each request leaves one line at its end, without a secret in it."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace

from proxy.config.prices import Price
from proxy.dialects.errors import error_response
from proxy.errors import InvalidRequestError
from proxy.exchange import Exchange, Identity
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
    headers = {"User-Agent": "OpenAI/Python 2.1"}
    one = exchange_with_attempt(client_request=request(headers, "/v1/chat/completions?key=canary"), log=log)
    winner = one.winning_attempt
    assert winner is not None
    one.identity, one.facts = Identity("app"), Facts("chat", "m", stream=True)
    one.status, one.outcome, one.first_content_at, one.overhead_ms = 200, "ok", 100.5, 1.25
    winner.outcome = "ok"
    winner.completion.usage = {"prompt_tokens": 3, "completion_tokens": 5}
    winner.step = replace(winner.step, target=dataclasses.replace(winner.step.target, price=Price(0.25, 0.5, 0, 0)))
    one.runtime.clock.now = 102.0
    AccessLog().closed(one)
    [line] = log.lines
    line.pop("timestamp")
    assert line == {
        "event": "request_completed", "level": "info", "request_id": "req-1", "key": "app", "method": "POST",
        "path": "/v1/chat/completions", "api": "openai_chat", "user_agent": "OpenAI/Python 2.1", "model": "m", "stream": True,
        "outcome": "ok", "status": 200, "provider": "a", "region": "us", "attempts": ["a@us/m-a: ok"],
        "ttft_ms": 500.0, "total_ms": 2000.0, "overhead_ms": 1.25, "prompt_tokens": 3, "completion_tokens": 5,
        "cost_usd": 3.25, "dropped_events": None,
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
    ("path", "outcome", "status", "level"),
    [
        ("/v1/chat/completions", "ok", 200, "info"),
        ("/v1/models", "ok", 200, "info"),
        ("/v1/providers/health", "ok", 200, None),
        ("/v1/providers/performance?window=30s", "ok", 200, None),
        ("/dashboard", "ok", 200, None),
        ("/v1/providers/health", "invalid_request", 400, "info"),
        ("/v1/chat/completions", "client_disconnected", 0, "info"),
        ("/v1/chat/completions", "client_disconnected", 200, "info"),
        ("/v1/chat/completions", "invalid_api_key", 401, "info"),
        ("/v1/chat/completions", "request_timeout", 408, "info"),
        ("/v1/chat/completions", "context_length", 400, "info"),
        ("/v1/chat/completions", "rate_limit_exceeded", 429, "warning"),
        ("/v1/chat/completions", "internal_error", 500, "warning"),
        ("/v1/chat/completions", "all_providers_failed", 502, "warning"),
        ("/v1/chat/completions", "sidecar_overloaded", 503, "warning"),
        ("/v1/providers/health", "sidecar_overloaded", 503, "warning"),
        ("/v1/chat/completions", "upstream_timeout", 504, "warning"),
        ("/v1/chat/completions", "upstream_disconnected", 200, "warning"),
        ("/v1/chat/completions", "internal_error", 0, "warning"),
    ],
)
def test_the_level_follows_who_caused_the_outcome(path: str, outcome: str, status: int, level: str | None) -> None:
    log = MemoryLog()
    one = exchange(request(path=path), log=log)
    one.outcome, one.status = outcome, status
    AccessLog().closed(one)
    assert [line["level"] for line in log.lines] == ([level] if level else [])  # a poll that succeeds is at debug


@pytest.mark.parametrize(("endpoint", "api"), [("chat", "openai_chat"), ("responses", "openai_responses"), ("", None)])
def test_the_line_names_the_api_that_the_caller_speaks(endpoint: str, api: str | None) -> None:
    log = MemoryLog()
    one = exchange(log=log)
    one.endpoint, one.outcome, one.status = endpoint, "ok", 200
    AccessLog().closed(one)
    assert log.lines[0]["api"] == api


def test_what_the_caller_chooses_is_bounded_and_printable() -> None:
    log = MemoryLog()
    headers = {"User-Agent": "\x1b[2J\udcff" + "x" * 9000}
    one = exchange(request(headers, "/\u202e" + "y" * 9000 + "?key=canary"), log=log)
    one.outcome, one.status = "not_found", 404
    AccessLog().closed(one)
    [line] = log.lines
    assert line["path"] == "/\\u202e" + "y" * 254
    assert line["user_agent"] == "\\x1b[2J\\udcff" + "x" * 123
    assert "canary" not in log.text
