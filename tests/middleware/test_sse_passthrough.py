"""A stream's end tells the truth: `[DONE]` after a whole answer, an error event after a cut one."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from proxy.attempts.settings import AUTO, AutoOrDuration
from proxy.config.units import Seconds
from proxy.dialects import DIALECTS
from proxy.dialects.contract import ResponseContext
from proxy.errors import UpstreamDisconnected, UpstreamTimeout
from proxy.messages import Response, TransformedBody
from proxy.middleware import sse_passthrough
from proxy.middleware.sse_passthrough import DONE, PING, SsePassthrough
from proxy.routing.facts import Facts
from tests.fakes import ANSWER, FOREVER, FakeBody, ScriptedHandler, chunk_event, drain, exchange_with_attempt
from tests.virtual_time import virtual_time

TEXT = chunk_event(ANSWER)
FINISH = chunk_event(finish="stop")
USAGE = b'data: {"model":"m-1","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
REFUSAL = b'data: {"error":{"message":"broke"}}\n\n'


async def passage(rows, ping=15):
    """The caller's body, the provider's, and the attempt; what passes is seen by OpenAI's own stage."""
    made, source = exchange_with_attempt(), FakeBody(list(rows))
    reading = ResponseContext("a", "m-a", "id", 0, answer=made.winning_attempt.completion)
    response = Response(200, {}, TransformedBody(source, DIALECTS["openai"].stream_translator(reading), reading.answer))
    response = await SsePassthrough(Seconds(ping))(made, ScriptedHandler([response]))
    return response.body, source, made.winning_attempt


def events(parts):
    return [part.removeprefix(b"data: ") for part in b"".join(parts).split(b"\n\n") if part]


async def test_a_whole_answer_passes_untouched():
    made = exchange_with_attempt()
    response = await SsePassthrough()(made, ScriptedHandler([Response(200, {}, b"{}")]))
    assert response.body == b"{}"


async def test_a_whole_stream_passes_and_ends_with_its_own_done():
    body, _, attempt = await passage([TEXT, FINISH, USAGE, DONE])
    got = events(await drain(body))
    assert len(got) == 4 and got[-1] == b"[DONE]"
    assert attempt.outcome == "ok"


@pytest.mark.parametrize("end", [[], [UpstreamDisconnected("reset")], [UpstreamTimeout("nothing for 30 s")]])
async def test_done_is_added_once_a_finish_was_seen(end):
    body, _, attempt = await passage([TEXT, FINISH, *end])
    got = events(await drain(body))
    assert got[-1] == b"[DONE]" and got.count(b"[DONE]") == 1
    assert attempt.outcome == "ok"


@pytest.mark.parametrize(
    "end, code",
    [
        ([], "upstream_disconnected"),
        ([UpstreamDisconnected("a.test closed the connection")], "upstream_disconnected"),
        ([UpstreamTimeout("a sent nothing for 30 s")], "upstream_timeout"),
    ],
)
async def test_a_cut_stream_ends_with_an_error_event_and_no_done(end, code):
    body, _, attempt = await passage([TEXT, *end])
    got = events(await drain(body))
    assert orjson.loads(got[-1])["error"]["code"] == code
    assert b"[DONE]" not in got
    assert attempt.outcome == code


async def test_half_an_event_is_not_sent_when_the_stream_is_cut_in_it():
    body, _, _ = await passage([TEXT, TEXT[:20], UpstreamDisconnected("reset")])
    got = await drain(body)
    assert b"".join(got).count(b"data: ") == 2
    assert got[-1].startswith(b'data: {"error"') and got[-1].endswith(b"\n\n")


async def test_the_providers_own_error_event_ends_the_stream_without_done():
    body, source, attempt = await passage([TEXT, REFUSAL, FOREVER])
    assert events(await drain(body))[-1] == REFUSAL.removeprefix(b"data: ").strip()
    assert source.reads == 2
    assert attempt.outcome == "answer_error"


async def test_nothing_is_read_after_done():
    body, source, attempt = await passage([TEXT, FINISH, DONE, FOREVER])
    assert events(await drain(body))[-1] == b"[DONE]"
    assert source.reads == 3
    assert attempt.outcome == "ok"


async def test_after_the_end_there_is_only_the_end():
    body, source, _ = await passage([TEXT])
    await drain(body)
    reads = source.reads
    assert await body.read() == b"" and await body.read() == b""
    assert source.reads == reads


async def test_pings_come_while_nothing_else_does_and_only_between_events():
    body, source, _ = await passage([TEXT, TEXT[:20], FOREVER], ping=0)
    first = await body.read()
    assert first.endswith(b"\n\n") and first.startswith(b"data: ")
    assert [await body.read() for _ in range(3)] == [PING] * 3
    source.rows[:] = [TEXT[20:], FINISH, DONE]
    rest = await drain(body)
    assert rest[0] == first
    assert PING not in rest


async def test_what_is_there_is_given_before_any_ping():
    body, _, _ = await passage([TEXT, FINISH, DONE], ping=0)
    assert PING not in await drain(body)


async def test_a_whole_answer_that_lingers_is_ended_with_done(monkeypatch):
    monkeypatch.setattr(sse_passthrough, "TRAILER_TIMEOUT_S", 0)
    body, _, attempt = await passage([TEXT, FINISH, FOREVER])
    assert (await drain(body))[-1] == DONE
    assert attempt.outcome == "ok"


BOTH = [chunk_event("a"), chunk_event(finish="stop"), b'data: {"choices":[{"index":1,"delta":{"content":"b"}}]}\n\n',
        b'data: {"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}\n\n']  # fmt: skip


@virtual_time
async def test_the_second_of_two_choices_may_begin_long_after_the_first_has_finished():
    body, source, attempt = await passage([*BOTH[:2], FOREVER])
    attempt.completion.requested_choices = 2
    assert [await body.read() for _ in range(3)][2] == PING
    source.rows[:] = [*BOTH[2:], DONE]
    assert b"".join(await drain(body)).endswith(DONE) and attempt.outcome == "ok"


@pytest.mark.parametrize("end, whole", [([], True), ([DONE], True), ([UpstreamDisconnected("reset")], False)])
async def test_a_choice_that_never_began_is_missing_only_where_the_stream_broke(end, whole):
    body, _, attempt = await passage([*BOTH[:2], *end])
    attempt.completion.requested_choices = 2
    got = events(await drain(body))
    assert (got[-1] == b"[DONE]") is whole and (attempt.outcome == "ok") is whole


async def test_the_outcome_that_is_known_already_stays():
    body, _, attempt = await passage([TEXT])
    attempt.outcome = "known"
    await drain(body)
    assert attempt.outcome == "known"


async def test_letting_go_reaches_the_provider(assert_cancels):
    body, source, attempt = await passage([TEXT, FOREVER])
    await body.read()
    await assert_cancels(body.read())
    body.close()
    assert source.closed == 1
    assert attempt.outcome is None


async def test_done_without_a_finish_reason_is_no_end():
    body, _, attempt = await passage([TEXT, DONE, FOREVER])
    got = events(await drain(body))
    assert b"[DONE]" not in got
    assert attempt.outcome == "upstream_disconnected"


def early(made, inner):
    made.facts = Facts("chat", "m", stream=True)
    return SsePassthrough(Seconds(15), AutoOrDuration(10))(made, inner)


@virtual_time
async def test_after_early_commit_the_caller_gets_pings_and_then_the_answer():
    made, source = exchange_with_attempt(), FakeBody([TEXT, FINISH, DONE])
    begins = asyncio.Event()
    asyncio.get_running_loop().call_later(30, begins.set)

    async def slow(exchange):
        await begins.wait()
        reading = ResponseContext("a", "m-a", "id", 0, answer=exchange.winning_attempt.completion)
        return Response(200, {}, TransformedBody(source, DIALECTS["openai"].stream_translator(reading), reading.answer))

    response = await early(made, slow)
    got = await drain(response.body)
    assert (response.status, response.headers, got[:2]) == (200, {}, [PING, PING])
    assert not [name for name in made.response_headers() if name.startswith("X-Provider-M") or name == "X-Provider"]
    assert events(got[2:])[-1] == b"[DONE]"


@virtual_time
async def test_a_failure_after_early_commit_is_an_error_in_the_stream():
    async def fails(exchange):
        await asyncio.sleep(12)
        raise UpstreamTimeout("nobody answered")

    response = await early(exchange_with_attempt(), fails)
    got = await drain(response.body)
    assert got[0] == PING and orjson.loads(events(got)[-1])["error"]["code"] == "upstream_timeout"
    assert b"[DONE]" not in b"".join(got)


@virtual_time
async def test_what_is_quick_is_answered_as_if_there_were_no_early_commit():
    async def refuses(exchange):
        raise UpstreamTimeout("no")

    with pytest.raises(UpstreamTimeout):
        await early(exchange_with_attempt(), refuses)


@virtual_time
async def test_a_caller_that_leaves_after_early_commit_takes_the_request_along():
    gone = asyncio.Event()

    async def never(exchange):
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()

    response = await early(exchange_with_attempt(), never)
    assert await response.body.read() == PING
    response.close()
    await gone.wait()


async def test_a_caller_that_leaves_as_the_answer_comes_leaves_nothing_open():
    made, body, ready = exchange_with_attempt(), FakeBody([ANSWER]), asyncio.Event()
    made.facts = Facts("chat", "m", stream=True)

    async def inner(_):
        await ready.wait()
        return Response(200, {}, body)

    waiting = asyncio.ensure_future(early(made, inner))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    ready.set()
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert body.closed == 1


def test_early_commit_is_off_or_a_duration():
    with pytest.raises(ValueError, match="off, or a duration"):
        SsePassthrough(early_commit=AutoOrDuration(AUTO))
