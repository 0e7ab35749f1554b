"""Which target continues a broken stream, and from where."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import orjson
import pytest
from msgspec import structs

from proxy.attempts.stream_resume import may_resume
from proxy.config.prices import Price
from proxy.dialects import DIALECTS, openai
from proxy.errors import UpstreamDisconnected
from proxy.routing.decision import Decision
from proxy.routing.facts import Facts, parse_facts
from proxy.sse import data_of, split_frames
from tests.attempts.fixtures import parse_stream, planned, rules, run_attempts, start_attempts, start_run, with_pool
from tests.fakes import BODY, FOREVER, FakeTransport, chunk_event, planned_exchange
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
async def test_a_stream_is_resumed_as_often_as_attempts_remain():
    running = await run([ONE, CUT], [ONE, TWO, CUT], [chunk_event("one two", id="3"), FINISH])
    assert running.transport.tried == "abc" and running.outcome == "ok"
    assert parse_stream(running.parts) == WHOLE
    assert {orjson.loads(part.split(b"\n")[0][6:]).get("id") for part in running.parts[:-2]} == {"1"}


@virtual_time
async def test_without_a_further_attempt_a_cut_continuation_ends_with_an_error_event():
    running = await run([ONE, CUT], [ONE, TWO, CUT], [ONE, TWO, FINISH], max_retries=1)
    assert running.transport.tried == "ab" and running.outcome == "upstream_disconnected"
    assert parse_stream(running.parts) == ("one two", [], ["upstream_disconnected"], 0)


@pytest.mark.parametrize("prefilled", [False, True])
@virtual_time
async def test_a_continuation_is_continued_from_all_the_text_that_was_sent(monkeypatch, prefilled):
    if prefilled:
        with_prefill(monkeypatch)
    words = [f"word{number:02} and more words " for number in range(4)]
    rows = [[chunk_event(words[0]), CUT], [chunk_event(words[1]), CUT], [chunk_event(words[2]), CUT]]
    if not prefilled:
        rows = [[*map(chunk_event, words[: number + 1]), CUT] for number in range(3)]
    last = words[3:] if prefilled else words
    running = await run(*rows, [*map(chunk_event, last), FINISH], plan="abc", max_retries=9)
    assert parse_stream(running.parts)[0].startswith("".join(words[:3]))
    if prefilled:
        sent = orjson.loads(running.transport.sent[2].body)["messages"][-1]
        assert sent == {"role": "assistant", "content": (words[0] + words[1]).rstrip()}


@virtual_time
async def test_usage_adds_up_all_attempts_whose_text_was_used():
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    exchange = planned_exchange("ab", transport=FakeTransport([[ONE, CUT], [ONE, TWO, FINISH, usage_event(usage)]]))
    exchange.raw = orjson.dumps({**BODY, "stream": True, "stream_options": {"include_usage": True}})
    exchange.facts = Facts("chat", "m", stream=True, include_usage=True, prompt_tokens=8)
    running = start_run(exchange)
    await running.has_ended.wait()
    *_, last = [data for part in running.parts for frame in split_frames(part) if (data := data_of(frame)) != b"[DONE]"]
    received = orjson.loads(last)["usage"]
    assert {name: received[name] for name in usage} == {
        "prompt_tokens": 18, "completion_tokens": 3, "total_tokens": 21
    }  # fmt: skip


def usage_event(usage):
    """Return the last event of a stream, which has no choice."""
    return b"data: " + orjson.dumps({"id": "2", "choices": [], "usage": usage}) + b"\n\n"


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
    attempt.endpoint = exchange.endpoint = endpoint
    exchange.facts = parse_facts("chat", {**BODY, "n": n, **members})
    attempt.completion.text_only = text_only
    assert may_resume(attempt) is resumes


@virtual_time
async def test_a_short_prefix_is_replayed_where_a_target_may_repeat_it(monkeypatch):
    echoing = replace(openai.DIALECT, supports_prefill=lambda model: True, echoes_prefill=True)
    monkeypatch.setitem(DIALECTS, "openai", echoing)
    running = await run([ONE, CUT], [ONE, TWO, FINISH])
    assert roles(running.transport.sent[1]) == ["user"] and parse_stream(running.parts) == WHOLE


@virtual_time
async def test_a_short_prefix_goes_to_a_target_that_cannot_repeat_it(monkeypatch):
    echoing = replace(openai.DIALECT, supports_prefill=lambda model: True, echoes_prefill=True)
    monkeypatch.setitem(DIALECTS, "openai", echoing)
    monkeypatch.setitem(DIALECTS, "exact", replace(echoing, echoes_prefill=False))
    exchange = planned_exchange("abc", transport=FakeTransport([[ONE, CUT], [TWO, FINISH]]))
    exchange.raw, exchange.facts = orjson.dumps({**BODY, "stream": True}), Facts("chat", "m", stream=True)
    first, second, third = exchange.decision.plan
    target = replace(third.target, provider=replace(third.target.provider, dialect="exact"))
    exchange.decision = structs.replace(exchange.decision, plan=(first, second, structs.replace(third, target=target)))
    running = start_run(exchange)
    await running.has_ended.wait()
    assert running.transport.tried == "ac" and parse_stream(running.parts) == WHOLE


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


@virtual_time
async def test_a_resume_that_is_refused_for_its_key_goes_to_the_next_key():
    rows = [[ONE, CUT], (401, {}, [b"{}"]), [ONE, TWO, FINISH]]
    exchange = with_pool(["key-1", "key-2"], transport=FakeTransport(rows))
    pooled, other, _ = exchange.decision.plan
    exchange.decision = Decision("m", "automatic", (other, pooled))
    exchange.raw, exchange.facts = orjson.dumps({**BODY, "stream": True}), Facts("chat", "m", stream=True)
    running = start_run(exchange)
    await running.has_ended.wait()
    assert parse_stream(running.parts) == WHOLE and running.transport.tried == "baa"
    assert [attempt.key and attempt.key.label for attempt in exchange.attempts] == [None, "key 1", "key 2"]


@virtual_time
async def test_the_cost_includes_an_estimate_of_the_broken_answer():
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    exchange = planned_exchange("ab", transport=FakeTransport([[ONE, CUT], [ONE, TWO, FINISH, usage_event(usage)]]))
    price = Price(1, 1, 1, 1)  # USD per token
    plan = [structs.replace(each, target=replace(each.target, price=price)) for each in exchange.decision.plan]
    exchange.decision = Decision("m", "automatic", tuple(plan))
    exchange.raw = orjson.dumps({**BODY, "stream": True})
    exchange.facts = Facts("chat", "m", stream=True, prompt_tokens=8)
    running = start_run(exchange)
    await running.has_ended.wait()
    assert [attempt.cost() for attempt in exchange.attempts] == [9.0, 12.0] and exchange.total_cost() == 21.0
