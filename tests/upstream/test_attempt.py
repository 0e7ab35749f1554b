"""An attempt returns with the first content in hand, and lets go of the connection when it does not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from math import inf

import orjson
import pytest
from multidict import CIMultiDict

from proxy.config.snapshot import Provider, Target
from proxy.config.units import Secret
from proxy.dialects import DIALECTS
from proxy.dialects.contract import ProviderRequest
from proxy.errors import (
    ConnectError,
    EgressError,
    MalformedResponse,
    ResourceExhaustedError,
    UpstreamDisconnected,
    UpstreamErrorResponse,
    UpstreamTimeout,
)
from proxy.routing.facts import Facts
from proxy.sse import Framer
from proxy.upstream import attempt as module
from proxy.upstream.attempt import build_upstream_request, call_upstream
from tests.fakes import (
    ANSWER,
    CALLER_KEY,
    CANARIES,
    FOREVER,
    PROVIDER_KEY,
    RESPONSE_BODY,
    FakeBody,
    FakeTransport,
    MemoryLog,
    chunk_event,
    drain,
    exchange_with_attempt,
    request,
    snapshot,
)

SSE = CIMultiDict({"Content-Type": "text/event-stream; charset=utf-8", "x-request-id": "up-1"})
ROLE = b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
COMMENT = b": hold on\n\n"
TEXT = chunk_event(ANSWER)


def trying(rows, stream=True, timeouts="{}"):
    """An attempt whose transport answers with these rows; a list is an answer's body."""
    rows = [FakeBody(row, headers=SSE.copy()) if isinstance(row, list) else row for row in rows]
    made = exchange_with_attempt(transport=FakeTransport(list(rows)), snap=snapshot(timeouts))
    made.facts = Facts("chat", "m", stream=stream)
    made.winning_attempt.provider_request = ProviderRequest("/chat/completions", b"{}")
    return made.winning_attempt, rows[0]


@pytest.mark.parametrize(
    "rows, first",
    [
        ([TEXT, chunk_event(" more")], TEXT),
        ([COMMENT, ROLE, TEXT, chunk_event(" more")], COMMENT + ROLE + TEXT),
        ([ROLE + TEXT + b"data: {", b"}\n\n"], ROLE + TEXT + b"data: {"),
        ([TEXT[:9], TEXT[9:-1], TEXT[-1:]], TEXT),
        ([chunk_event(finish="stop")], chunk_event(finish="stop")),
        ([b'data: {"error":{"message":"x"}}\n\n'], b'data: {"error":{"message":"x"}}\n\n'),
        ([TEXT.rstrip()], TEXT.rstrip()),
    ],
)
async def test_a_stream_is_returned_with_all_that_came_up_to_its_first_content(rows, first):
    whole = b"".join(rows)
    attempt, incoming = trying([list(rows)])
    attempt.exchange.runtime.clock.now = 107.0
    response = await call_upstream(attempt)
    assert await response.body.read() == first
    assert first + b"".join(await drain(response.body)) == whole
    assert attempt.exchange.first_content_at == 107.0
    assert incoming.closed == 0
    response.close()
    assert incoming.closed == 1


async def test_only_listed_headers_go_on_and_never_the_callers_key():
    attempt, _ = trying([[TEXT]])
    attempt.exchange.request = request(
        b"{}",
        {
            "Authorization": f"Bearer {CALLER_KEY}", "x-api-key": CALLER_KEY, "Cookie": "a=b", "X-Provider": "a",
            "X-Forwarded-For": "10.1.1.1", "User-Agent": "app/1", "OpenAI-Beta": "x", "traceparent": "00-1",
        },
    )  # fmt: skip
    await call_upstream(attempt)
    (sent,) = attempt.exchange.runtime.transport.sent
    assert sent.headers == {
        "user-agent": "app/1", "openai-beta": "x", "traceparent": "00-1", "content-type": "application/json",
        "authorization": f"Bearer {PROVIDER_KEY}",
    }  # fmt: skip


async def test_a_whole_answer_is_read_and_the_connection_given_back():
    attempt, incoming = trying([[RESPONSE_BODY[:50], RESPONSE_BODY[50:]]], stream=False)
    response = await call_upstream(attempt)
    assert (response.status, response.body, response.headers["x-request-id"]) == (200, RESPONSE_BODY, "up-1")
    assert incoming.closed == 1


@pytest.mark.parametrize(
    "rows, stream, error, said",
    [
        ([], True, UpstreamDisconnected, "before any content"),
        ([ROLE, COMMENT], True, UpstreamDisconnected, "before any content"),
        ([ROLE, UpstreamDisconnected("a.test closed the connection")], True, UpstreamDisconnected, "a.test closed"),
        ([b"data: [DON"], True, UpstreamDisconnected, "before any content"),
        ([COMMENT * 7000], True, MalformedResponse, "no content in the first 65544 bytes"),
        ([COMMENT] * 7000, True, MalformedResponse, "no content in the first 65544 bytes"),
        ([b"{", UpstreamDisconnected("a.test closed the connection")], False, UpstreamDisconnected, "a.test closed"),
    ],
)
async def test_what_ends_before_its_content_failed_and_is_closed(rows, stream, error, said):
    attempt, incoming = trying([rows], stream)
    with pytest.raises(error, match=said):
        await call_upstream(attempt)
    assert incoming.closed >= 1
    assert attempt.exchange.first_content_at is None


LARGE = chunk_event("x" * 100_000)


@pytest.mark.parametrize(
    "rows",
    [[ROLE + LARGE], [ROLE + LARGE[:90_000], LARGE[90_000:]], [ROLE, LARGE[:70_000], LARGE[70_000:]], [LARGE]],
)
async def test_a_first_content_event_may_be_larger_than_what_is_held_back_without_any(rows):
    attempt, _ = trying([list(rows)])
    response = await call_upstream(attempt)
    assert await response.body.read() == b"".join(rows)


async def test_events_that_repeat_the_request_may_be_as_large_as_it_before_the_first_content():
    echo = b'event: response.created\ndata: {"type":"response.created","response":{"instructions":"%b"}}\n\n' % (
        b"x" * 60_000
    )
    attempt, _ = trying([[echo * 3 + TEXT]])
    with pytest.raises(MalformedResponse, match="no content"):
        await call_upstream(attempt)
    attempt, _ = trying([[echo * 3 + TEXT]])
    attempt.provider_request = ProviderRequest("/responses", b"x" * 60_000)
    assert (await (await call_upstream(attempt)).body.read()).endswith(TEXT)


async def test_an_exception_in_a_dialect_is_a_malformed_answer_that_is_closed(monkeypatch):
    def fails(*_):
        raise KeyError(ANSWER)

    broken = replace(DIALECTS["openai"], has_content=fails, translate_error=fails)
    monkeypatch.setattr(module, "DIALECTS", {"openai": broken})
    for row in ([TEXT], FakeBody([b"{}"], 400)):
        attempt, incoming = trying([row])
        with pytest.raises(MalformedResponse, match="cannot be translated"):
            await call_upstream(attempt)
        assert incoming.closed


async def test_an_event_or_an_answer_over_its_limit_failed(monkeypatch):
    monkeypatch.setattr(module, "MAX_RESPONSE_BYTES", 10)
    attempt, incoming = trying([[b"x" * 11, FOREVER]], stream=False)
    with pytest.raises(MalformedResponse, match="over 10 bytes"):
        await call_upstream(attempt)
    assert incoming.closed
    monkeypatch.setattr(module, "Framer", lambda: Framer(max_event_bytes=10))
    attempt, incoming = trying([[b"data: 1234567", FOREVER]])
    with pytest.raises(MalformedResponse, match="an event is over 10 bytes"):
        await call_upstream(attempt)
    assert incoming.closed


async def test_a_page_is_no_stream():
    attempt, incoming = trying([FakeBody([b"<html>"], headers=CIMultiDict({"Content-Type": "text/html"}))])
    with pytest.raises(MalformedResponse, match="answered a stream request with text/html"):
        await call_upstream(attempt)
    assert incoming.closed


TIMES = "{connect: 2s, first_token: 40s, idle: 9s, response: 70s}"


@pytest.mark.parametrize("status", [400, 401, 500])
async def test_a_refusal_that_quotes_our_key_does_not_pass_it_on(status):
    body = orjson.dumps({"error": {"message": f"no key {PROVIDER_KEY} here"}})
    attempt, _ = trying([FakeBody([body], status)])
    with pytest.raises(UpstreamErrorResponse) as caught:
        await call_upstream(attempt)
    assert PROVIDER_KEY not in caught.value.body().decode() + caught.value.message
    assert "[redacted]" in caught.value.message


@pytest.mark.parametrize("status, trigger", [(429, "rate_limit"), (500, "server_error"), (400, "invalid_request")])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_refusal_is_put_into_words_and_the_connection_given_back(status, trigger, stream):
    body = orjson.dumps({"error": {"message": "not now", "type": "x", "code": None, "param": None}})
    headers = CIMultiDict({"Retry-After": "7"})
    attempt, incoming = trying([FakeBody([body], status, headers)], stream)
    with pytest.raises(UpstreamErrorResponse, match="not now") as caught:
        await call_upstream(attempt)
    assert (caught.value.trigger, caught.value.headers["retry-after"]) == (trigger, "7")
    assert incoming.closed >= 1


@pytest.mark.parametrize(
    ("row", "error", "outcome"),
    [
        (ResourceExhaustedError("too many open files"), ResourceExhaustedError, "sidecar_overloaded"),
        (EgressError("no route"), EgressError, "egress_failed"),
        (FakeBody([], status=407), EgressError, "egress_failed"),
    ],
    ids=["exhausted", "no route", "the forward proxy's 407"],
)
async def test_trouble_of_this_machine_is_named_so_and_warned_of(row, error, outcome):
    log = MemoryLog()
    attempt, _ = trying([row])
    attempt.exchange.runtime.local_trouble.log = log.logger
    with pytest.raises(error):
        await call_upstream(attempt)
    assert attempt.outcome == outcome
    assert [(line["level"], line["event"]) for line in log.lines] == [("warning", outcome)]


async def test_until_its_first_content_a_stream_has_one_deadline_and_then_only_silence_ends_it():
    attempt, incoming = trying([[ROLE, COMMENT, TEXT, chunk_event(" more")]], timeouts=TIMES)
    now = asyncio.get_running_loop().time()
    response = await call_upstream(attempt)
    await drain(response.body)
    assert attempt.exchange.runtime.transport.timeouts == [(2, 40)]
    until, after = incoming.limits[:3], incoming.limits[3:]
    assert {round(deadline - now) for deadline, _ in until} == {40} and {patience for _, patience in until} == {inf}
    assert set(after) == {(inf, 9)}


async def test_a_whole_answer_has_one_deadline():
    attempt, incoming = trying([[RESPONSE_BODY]], stream=False, timeouts=TIMES)
    now = asyncio.get_running_loop().time()
    await call_upstream(attempt)
    assert attempt.exchange.runtime.transport.timeouts == [(2, 70)]
    assert {round(deadline - now) for deadline, _ in incoming.limits} == {70}


@pytest.mark.parametrize("rows", [[UpstreamTimeout("late")], [[ROLE, UpstreamTimeout("late")]]])
async def test_a_silent_target_is_a_failed_attempt_that_is_closed(rows):
    attempt, incoming = trying(rows)
    with pytest.raises(UpstreamTimeout):
        await call_upstream(attempt)
    assert isinstance(incoming, UpstreamTimeout) or incoming.closed == 1


async def test_a_cut_after_the_content_is_the_readers_to_see():
    attempt, _ = trying([[TEXT, UpstreamDisconnected("cut")]])
    response = await call_upstream(attempt)
    assert await response.body.read() == TEXT
    with pytest.raises(UpstreamDisconnected):
        await response.body.read()


@pytest.mark.parametrize("rows", [[FOREVER], [[ROLE, FOREVER]]])
async def test_a_cancelled_attempt_lets_go(rows, assert_cancels):
    attempt, incoming = trying(rows)
    await assert_cancels(call_upstream(attempt))
    assert incoming is FOREVER or incoming.closed == 1


@pytest.mark.parametrize("failure", [None, ConnectError("no")])
async def test_waiting_is_the_providers_time_whether_it_answers_or_not(failure):
    attempt, _ = trying([[TEXT]])
    clock = attempt.exchange.runtime.clock

    class Slow:
        async def send(self, request, *, connect_timeout_s, response_timeout_s):
            clock.now += 1.5
            if failure:
                raise failure
            return FakeBody([TEXT], headers=SSE.copy())

    attempt.exchange.runtime = type(attempt.exchange.runtime)(Slow(), attempt.exchange.runtime.log, clock, clock)
    if failure:
        with pytest.raises(ConnectError):
            await call_upstream(attempt)
    else:
        await call_upstream(attempt)
    assert attempt.exchange.upstream_wait_s == 1.5


def target(**options):
    template = snapshot().models["m"][0]
    provider = Provider("a", "openai", 1.0, **{"key": Secret(PROVIDER_KEY), **options})
    return Target(template.id, provider, "us", None, "https://a.test/v1", "m-a", template.timeouts)


def sent(asking=None, forwarded=None, **options):
    asking = asking or ProviderRequest("/chat/completions", b"{}")
    return build_upstream_request(target(**options), DIALECTS["openai"], asking, forwarded or {})


@pytest.mark.parametrize(
    "options, path, url",
    [
        ({}, "/chat/completions", "https://a.test/v1/chat/completions"),
        ({"path": "/deployments/x"}, "/chat/completions", "https://a.test/v1/deployments/x"),
        ({"query": {"api-version": "2024 1"}}, "/chat", "https://a.test/v1/chat?api-version=2024+1"),
        ({"query": {"v": "1"}}, "/chat?alt=sse", "https://a.test/v1/chat?alt=sse&v=1"),
    ],
)
def test_the_url_is_the_files(options, path, url):
    assert sent(ProviderRequest(path, b"{}"), **options).url == url


@pytest.mark.parametrize(
    "auth, name, value",
    [
        (None, "Authorization", f"Bearer {PROVIDER_KEY}"),
        ("x-api-key", "x-api-key", PROVIDER_KEY),
        ("api-key", "api-key", PROVIDER_KEY),
        ("x-goog-api-key", "x-goog-api-key", PROVIDER_KEY),
    ],
)
def test_the_key_travels_as_the_provider_wants_it(auth, name, value):
    headers = CIMultiDict(sent(auth=auth).headers)
    assert headers[name] == value
    assert str(headers).count(PROVIDER_KEY) == 1


def test_without_a_key_none_is_sent():
    assert not [canary for canary in CANARIES if canary in str(sent(key=None).headers)]


def test_of_two_spellings_of_a_header_the_files_is_sent_and_alone():
    headers = sent(
        ProviderRequest("/x", b"", {"User-Agent": "dialect"}),
        {"user-agent": "caller", "openai-organization": "callers"},
        headers={"OpenAI-Organization": "files", "content-type": "text/plain", "authorization": "none"},
    ).headers
    assert {name.lower(): value for name, value in headers.items()} == {
        "user-agent": "dialect",
        "openai-organization": "files",
        "content-type": "application/json",
        "authorization": f"Bearer {PROVIDER_KEY}",
    }
    assert len(headers) == 4
