"""Which target continues a broken stream, and from where."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import orjson
import pytest

from proxy.attempts.stream_resume import may_resume
from proxy.dialects import DIALECTS, openai
from proxy.errors import UpstreamDisconnected
from proxy.routing.facts import parse_facts
from tests.attempts.fixtures import parse_stream, planned, rules, run_attempts, start_attempts
from tests.fakes import BODY, FOREVER, chunk_event
from tests.virtual_time import virtual_time

CUT = UpstreamDisconnected("cut")
ONE, TWO, FINISH = chunk_event("one ", id="1"), chunk_event("two", id="1"), chunk_event(finish="stop")
DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"
CALL = b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{}]},"finish_reason":null}]}\n\n'
WHOLE = "one two", ["stop"], [], 1


def start(*rows, **options):
    return start_attempts(rows, stream=True, **options)


async def run(*rows, **options):
    return await run_attempts(rows, stream=True, **options)


@pytest.mark.parametrize("resume", ["auto", "off"])
@virtual_time
async def test_a_stream_is_resumed_only_with_resume_auto(resume):
    running = await run([ONE, CUT], [ONE, TWO, FINISH], resume=resume)
    assert (parse_stream(running.parts) == WHOLE) is (resume == "auto")
    assert len(running.transport.sent) == (2 if resume == "auto" else 1)


@virtual_time
async def test_a_tool_call_is_not_resumed():
    running = await run([CALL, CUT], [ONE, FINISH])
    assert parse_stream(running.parts)[2:] == (["upstream_disconnected"], 0) and running.transport.tried == "a"


@virtual_time
async def test_a_cut_continuation_is_not_resumed_again():
    running = await run([ONE, CUT], [ONE, TWO, CUT], [ONE, TWO, FINISH])
    assert running.transport.tried == "ab" and running.outcome == "upstream_disconnected"


def with_prefill(monkeypatch):
    """Let every target continue an assistant message."""
    monkeypatch.setitem(DIALECTS, "openai", replace(openai.DIALECT, supports_prefill=lambda model: True))


def roles(request):
    return [message["role"] for message in orjson.loads(request.body)["messages"]]


LONG = "this is a text of more than twenty characters"


@virtual_time
async def test_a_target_that_takes_a_prefill_continues_from_the_text_sent(monkeypatch):
    with_prefill(monkeypatch)
    running = await run([chunk_event(LONG), CUT], [TWO, FINISH])
    assert parse_stream(running.parts) == (LONG + "two", ["stop"], [], 1)
    assert roles(running.transport.sent[1]) == ["user", "assistant"]


@virtual_time
async def test_a_rejected_prefill_is_followed_by_a_replay_at_the_same_target(monkeypatch):
    with_prefill(monkeypatch)
    running = await run([chunk_event(LONG), CUT], 400, [chunk_event(LONG), TWO, FINISH])
    assert parse_stream(running.parts) == (LONG + "two", ["stop"], [], 1)
    assert running.transport.tried == "abb" and running.is_settled
    assert [roles(request) for request in running.transport.sent[1:]] == [["user", "assistant"], ["user"]]


@virtual_time
async def test_a_target_that_takes_a_prefill_is_preferred(monkeypatch):
    prefill = replace(openai.DIALECT, supports_prefill=lambda model: model == "m-c")
    monkeypatch.setitem(DIALECTS, "openai", prefill)
    running = await run([chunk_event(LONG), CUT], [TWO, FINISH])
    assert running.transport.tried == "ac" and parse_stream(running.parts)[0] == LONG + "two"


TOOLS = {"tools": [{"type": "function", "function": {"name": "f"}}]}


@pytest.mark.parametrize(
    ("endpoint", "members", "n", "text_only", "resumes"),
    [
        ("chat", {}, 1, True, True),
        ("completions", {}, 1, True, False),
        ("responses", {}, 1, True, False),
        ("chat", TOOLS, 1, True, False),
        ("chat", {"response_format": {"type": "json_object"}}, 1, True, False),
        ("chat", {}, 2, True, False),
        ("chat", {}, 1, False, False),
    ],
)
def test_only_plain_text_of_one_choice_of_a_chat_may_be_resumed(endpoint, members, n, text_only, resumes):
    attempt = planned().start_first()
    exchange = attempt.exchange
    exchange.endpoint, exchange.facts = endpoint, parse_facts("chat", {**BODY, "n": n, **members})
    attempt.completion.text_only = text_only
    assert may_resume(attempt) is resumes


@virtual_time
async def test_a_short_prefix_is_replayed_where_a_target_may_repeat_it(monkeypatch):
    echoing = replace(openai.DIALECT, supports_prefill=lambda model: True, echoes_prefill=True)
    monkeypatch.setitem(DIALECTS, "openai", echoing)
    running = await run([ONE, CUT], [ONE, TWO, FINISH])
    assert roles(running.transport.sent[1]) == ["user"] and parse_stream(running.parts) == WHOLE


@virtual_time
async def test_after_a_failed_attempt_to_continue_the_next_one_is_asked_for_the_same(monkeypatch):
    with_prefill(monkeypatch)
    running = await run([chunk_event(LONG), CUT], 500, [TWO, FINISH])
    assert running.transport.tried == "abc" and parse_stream(running.parts)[0] == LONG + "two"
    assert [roles(request) for request in running.transport.sent[1:]] == [["user", "assistant"]] * 2


@virtual_time
async def test_the_rules_for_the_class_of_the_break_decide_who_continues():
    running = start([ONE, FOREVER], [ONE, TWO, FINISH])
    running.exchange.policy = rules(("b", "rate_limit"), ("c", "connection_error"))
    await asyncio.sleep(1)
    running.transport.transfers[0].push(CUT)
    await running.has_ended.wait()
    assert running.transport.tried == "ac" and parse_stream(running.parts) == WHOLE
