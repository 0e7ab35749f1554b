"""Each request leaves one line at its end, and nothing secret in it."""

from __future__ import annotations

import orjson
import pytest
from msgspec.structs import replace as altered

from proxy.dialects.errors import error_response
from proxy.errors import InvalidRequestError
from proxy.middleware.access_log import AccessLog
from proxy.middleware.failover import Failover
from proxy.routing.facts import Facts
from tests.fakes import (
    BODY,
    CALLER_KEY,
    CANARIES,
    FOREVER,
    MemoryLog,
    ScriptedHandler,
    exchange,
    exchange_with_attempt,
    planned_exchange,
    request,
)


async def logged(made, script):
    try:
        return await AccessLog()(made, script)
    finally:
        made.close()


async def test_nothing_is_written_before_the_end():
    log = MemoryLog()
    made = exchange(log=log)
    await AccessLog()(made, ScriptedHandler([200]))
    assert log.lines == []
    made.close()
    assert len(log.lines) == 1


async def test_the_line_of_an_answer_says_who_served_it_and_how_long_it_took():
    log = MemoryLog()
    made = exchange_with_attempt(log=log)
    made.identity, made.facts = "app", Facts("chat", "m", stream=True)
    made.status, made.outcome, made.first_content_at, made.overhead_ms = 200, "ok", 100.5, 1.25
    made.winning_attempt.outcome = "ok"
    made.winning_attempt.completion.usage = {"prompt_tokens": 3, "completion_tokens": 5}
    made.runtime.clock.now = 102.0
    await logged(made, ScriptedHandler([200]))
    [line] = log.lines
    line.pop("timestamp")
    assert line == {
        "event": "request_completed", "level": "info", "request_id": "req-1", "key": "app", "model": "m", "stream": True,
        "outcome": "ok", "status": 200, "provider": "a", "region": "us", "attempts": ["a@us/m-a: ok"],
        "ttft_ms": 500.0, "total_ms": 2000.0, "overhead_ms": 1.25, "prompt_tokens": 3, "completion_tokens": 5,
        "dropped_events": None,
    }  # fmt: skip


async def test_a_request_that_nobody_was_asked_to_serve_is_logged_too():
    log = MemoryLog()
    with pytest.raises(InvalidRequestError):
        await logged(exchange(log=log), ScriptedHandler([InvalidRequestError("no")]))
    [line] = log.lines
    assert line["provider"] is None and line["attempts"] == [] and line["ttft_ms"] is None


async def test_every_attempt_is_named_with_how_it_ended():
    log = MemoryLog()
    made = planned_exchange(log=log)
    inner = ScriptedHandler([504, (429, {}), 200])
    await logged(made, lambda subject: Failover()(subject, inner))
    assert log.lines[0]["attempts"] == ["a@us/m-a: timeout", "b@us/m-b: rate_limit", "c@us/m-c: cancelled"]


async def test_neither_prompt_nor_answer_nor_any_key_is_logged():
    log = MemoryLog()
    asking = request(orjson.dumps(BODY), {"Authorization": f"Bearer {CALLER_KEY}"})
    made = planned_exchange(client_request=asking, log=log)
    made.raw, made.body = orjson.dumps(BODY), BODY
    failure = error_response(401, {}, f"bad key {CANARIES[2]}, said {CANARIES[3]}")
    inner = ScriptedHandler([failure, 200])
    await logged(made, lambda subject: Failover()(subject, inner))
    assert log.lines
    assert not [canary for canary in CANARIES if canary in log.text]


async def test_a_cancelled_request_is_logged_as_left_by_its_client(assert_cancels):
    log = MemoryLog()
    made = planned_exchange(log=log)
    await assert_cancels(logged(made, lambda subject: Failover()(subject, ScriptedHandler([FOREVER]))))
    [line] = log.lines
    assert line["outcome"] == "client_disconnected" and line["attempts"] == ["a@us/m-a: cancelled"]


@pytest.mark.parametrize(
    ("path", "outcome", "lines"),
    [
        ("/v1/providers/health", "ok", 0),
        ("/v1/providers/performance?window=30s", "ok", 0),
        ("/v1/providers/health", "invalid_request", 1),
        ("/v1/models", "ok", 1),
    ],
)
async def test_a_look_at_the_providers_is_logged_only_when_it_fails(path, outcome, lines):
    log = MemoryLog()
    made = exchange(altered(request(b""), method="GET", path=path), log=log)
    await AccessLog()(made, ScriptedHandler([200]))
    made.outcome = outcome
    made.close()
    assert len(log.lines) == lines
