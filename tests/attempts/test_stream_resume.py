"""A cut answer goes on elsewhere once, or ends with an error; what was sent never comes again."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from proxy.attempts.settings import FailoverOptions
from proxy.dialects import DIALECTS
from proxy.dialects.contract import ResponseContext
from proxy.errors import InvalidRequestError, ResourceExhaustedError, UpstreamDisconnected, UpstreamTimeout
from proxy.messages import Response, TransformedBody
from proxy.middleware.failover import Failover
from proxy.middleware.sse_passthrough import SsePassthrough
from proxy.routing.facts import Facts
from proxy.sse import data_of, decode, split_frames
from tests.fakes import FOREVER, FakeBody, chunk_event, planned_exchange

CUT = UpstreamDisconnected("cut")
ONE, TWO, END = chunk_event("one ", id="1"), chunk_event("two", id="1"), chunk_event(finish="stop")
ERROR = b'data: {"error":{"message":"overloaded","code":"overloaded_error"}}\n\n'
FAR_ERROR = b'data: {"error":{"message":"overloaded"},"x":1e999}\n\n'


class Providers:
    """Each attempt gets the next row: an exception, or the reads of a stream, seen by OpenAI's own stage."""

    def __init__(self, *rows):
        self.rows, self.tried, self.bodies = list(rows), [], []

    async def __call__(self, attempt):
        self.tried.append(attempt.step.target.provider.name)
        row = self.rows.pop(0)
        if row is FOREVER:
            await asyncio.Event().wait()
        if isinstance(row, BaseException):
            raise row
        self.bodies.append(FakeBody(list(row)))
        reading = ResponseContext(attempt.step.target.provider.name, "m", "id", 0, answer=attempt.completion)
        return Response(
            200, {}, TransformedBody(self.bodies[-1], DIALECTS["openai"].stream_translator(reading), attempt.completion)
        )


async def streamed(*rows, ping=15.0, **options):
    """The exchange, the providers, and the body as the caller reads it."""
    made, providers = planned_exchange("abc"), Providers(*rows)
    made.endpoint, made.facts = "chat", Facts("chat", "m", stream=True)
    made.body = {"model": "m", "messages": []}
    failover = Failover(**options)
    response = await SsePassthrough(ping)(made, lambda exchange: failover(exchange, providers))
    return made, providers, response.body


async def read(body):
    """Text, finish reasons, error codes and the number of `[DONE]`s."""
    text, finishes, errors, done = "", [], [], 0
    while data := await body.read():
        for frame in data.split(b"\n\n"):
            event = decode(frame + b"\n\n").data
            if event == b"[DONE]":
                done += 1
            elif event:
                one = orjson.loads(event)
                errors += [one["error"]["code"]] if "error" in one else []
                for choice in one.get("choices", ()):
                    text += choice["delta"].get("content") or ""
                    finishes += [choice["finish_reason"]] if choice["finish_reason"] else []
    return text, finishes, errors, done


WHOLE = "one two", ["stop"], [], 1


@pytest.mark.parametrize(
    ("rows", "tried", "got"),
    [
        ([[ONE, TWO, END]], "a", WHOLE),
        ([[ONE, TWO, END, CUT]], "a", WHOLE),
        ([[ONE, CUT], [ONE, TWO, END]], "ab", WHOLE),
        ([[ONE, CUT], [ONE + TWO + END + b"data: [DONE]\n\n"]], "ab", WHOLE),
        ([[ONE], [ONE, TWO, END]], "ab", WHOLE),
        ([[ONE, UpstreamTimeout("x")], [ONE, TWO, END]], "ab", WHOLE),
        ([[ONE, ERROR], [ONE, TWO, END]], "ab", WHOLE),
        ([[ONE + ERROR], [ONE, TWO, END]], "ab", WHOLE),
        ([[ONE, CUT], UpstreamDisconnected("b"), [ONE, TWO, END]], "abc", WHOLE),
        ([[ONE, CUT], InvalidRequestError("b"), [ONE, TWO, END]], "abc", WHOLE),
        ([[ONE, CUT], ResourceExhaustedError("b"), [ONE, TWO, END]], "abc", WHOLE),
        (
            [[ONE, CUT], UpstreamDisconnected("b"), UpstreamDisconnected("c")],
            "abc",
            ("one ", [], ["upstream_disconnected"], 0),
        ),
        (
            [[ONE + ERROR], UpstreamDisconnected("b"), UpstreamDisconnected("c")],
            "abc",
            ("one ", [], ["overloaded_error"], 0),
        ),
        ([[ONE, CUT], [chunk_event("other"), END]], "ab", ("one ", [], ["upstream_disconnected"], 0)),
        (
            [[ONE, CUT], [chunk_event("other") + END + b"data: [DONE]\n\n"]],
            "ab",
            ("one ", [], ["upstream_disconnected"], 0),
        ),
        ([[ONE, CUT], [chunk_event("on"), END]], "ab", ("one ", [], ["upstream_disconnected"], 0)),
        ([[ONE, CUT], [ONE, TWO, CUT]], "ab", ("one two", [], ["upstream_disconnected"], 0)),
        ([[ONE, CUT], [ONE + TWO + ERROR]], "ab", ("one two", [], ["overloaded_error"], 0)),
        ([[ONE, FAR_ERROR], [ONE, TWO, END]], "ab", WHOLE),
    ],
)
async def test_what_the_caller_gets(rows, tried, got):
    made, providers, body = await streamed(*rows)
    assert await read(body) == got
    made.close()
    assert "".join(providers.tried) == tried
    assert all(attempt.recorder.is_over for attempt in made.attempts)
    assert not made.runtime.retry_budget._in_flight


@pytest.mark.parametrize(
    ("rows", "counted"),
    [
        ([[ONE, TWO, END]], {}),
        ([[ONE, CUT], [ONE, TWO, END]], {"resumed": 1}),
        ([[ONE, CUT], UpstreamDisconnected("b"), [ONE, TWO, END]], {"resumed": 1}),
        ([[ONE, CUT], UpstreamDisconnected("b"), UpstreamDisconnected("c")], {"no_target": 1}),
        ([[ONE, CUT], [chunk_event("other"), END]], {"resumed": 1, "mismatch": 1}),
    ],
)
async def test_it_is_counted_what_became_of_a_cut_stream(rows, counted):
    made, _, body = await streamed(*rows)
    await read(body)
    assert made.runtime.counters.resumes == counted


async def test_an_answer_that_differs_is_no_fault_of_who_gave_it():
    made, _, body = await streamed([ONE, CUT], [chunk_event("other"), END])
    await read(body)
    made.close()
    assert [attempt.outcome for attempt in made.attempts] == ["upstream_disconnected", "cancelled"]
    assert made.outcome == "upstream_disconnected"  # which the caller was told


async def test_lines_that_end_in_cr_are_lines_too():
    rows = [[part.replace(b"\n", b"\r") for part in row] for row in ([ONE + ERROR, b":"], [ONE, TWO + END, b":"])]
    _, providers, body = await streamed(*rows)
    got = b""
    while data := await body.read():
        got += data
    text = [
        orjson.loads(data)["choices"][0]["delta"].get("content")
        for data in map(data_of, split_frames(got))
        if data != b"[DONE]"
    ]
    assert text == ["one ", "two", None] and providers.tried == ["a", "b"]


@pytest.mark.parametrize("resume", ["auto", "off"])
async def test_only_auto_goes_on(resume):
    _, providers, body = await streamed([ONE, CUT], [ONE, TWO, END], resume=resume)
    assert (await read(body) == WHOLE) is (resume == "auto")
    assert len(providers.tried) == (2 if resume == "auto" else 1)


async def test_a_call_cannot_be_gone_on_with():
    call = b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{}]},"finish_reason":null}]}\n\n'
    _, providers, body = await streamed([call, CUT], [ONE, END])
    assert (await read(body))[2:] == (["upstream_disconnected"], 0) and providers.tried == ["a"]


async def test_pings_do_not_undo_a_resumption_under_way():
    _, providers, body = await streamed([ONE, CUT], FOREVER, ping=0.0)
    parts = [await body.read() for _ in range(5)]
    assert parts[1:] == [b": ping\n\n"] * 4 and providers.tried == ["a", "b"]
    body.close()


async def test_letting_go_while_somebody_reads_ends_it_with_an_error_and_nobody_goes_on():
    made, providers, body = await streamed([ONE, CUT], FOREVER)
    reading = asyncio.create_task(read(body))
    while len(providers.tried) < 2:
        await asyncio.sleep(0)
    body.close()
    assert await reading == ("one ", [], ["upstream_disconnected"], 0)
    made.close()
    assert providers.tried == ["a", "b"] and all(attempt.recorder.is_over for attempt in made.attempts)


async def test_what_is_cut_on_our_side_is_no_fault_of_the_providers():
    made, providers, body = await streamed([ONE, CUT], [ONE, TWO, END])
    await body.read()
    body.close()
    assert (await read(body))[2] == ["upstream_disconnected"]
    made.close()
    assert providers.tried == ["a"] and made.runtime.observations.get("a@us/m-a").failed_at is None


async def test_the_callers_slowness_is_not_the_providers_silence():
    made, _, body = await streamed([ONE, b": ping\n\n", TWO, END])
    await body.read()
    made.runtime.clock.now += 1000
    assert (await read(body))[:2] == ("two", ["stop"])


def test_settings_are_the_options_of_failover():
    assert isinstance(Failover(), FailoverOptions)
