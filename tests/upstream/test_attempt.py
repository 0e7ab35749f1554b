"""An attempt returns with the first content, and closes the response when it fails."""

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


def attempt_with(rows, stream=True, timeouts="{}"):
    """Return an attempt and the first row; each row is what the transport returns or raises, a list is a body's chunks."""
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
async def test_a_stream_is_returned_with_everything_up_to_its_first_content(rows, first):
    whole = b"".join(rows)
    attempt, incoming = attempt_with([list(rows)])
    attempt.exchange.runtime.clock.now = 107.0
    response = await call_upstream(attempt)
    assert await response.body.read() == first
    assert first + b"".join(await drain(response.body)) == whole
    assert attempt.exchange.first_content_at == 107.0
    assert incoming.closed == 0
    response.close()
    assert incoming.closed == 1


async def test_only_listed_headers_are_forwarded_and_never_the_callers_key():
    attempt, _ = attempt_with([[TEXT]])
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


async def test_an_error_has_only_the_headers_that_the_caller_may_receive():
    limits = {
        "x-ratelimit-remaining-requests": "0",
        "openai-processing-ms": "5",
        "anthropic-ratelimit-tokens-limit": "1",
    }
    headers = CIMultiDict({**limits, "Retry-After": "1.5", "Set-Cookie": "a=b", "Server": "x", "x-request-id": "up-1"})
    attempt, _ = attempt_with([FakeBody([b"{}"], 429, headers)])
    with pytest.raises(UpstreamErrorResponse) as caught:
        await call_upstream(attempt)
    assert caught.value.headers == {
        "x-ratelimit-remaining-requests": "0", "openai-processing-ms": "5", "retry-after": "2",
        "x-provider-request-id": "up-1",
    }  # fmt: skip


async def test_a_response_without_streaming_is_read_and_closed():
    attempt, incoming = attempt_with([[RESPONSE_BODY[:50], RESPONSE_BODY[50:]]], stream=False)
    response = await call_upstream(attempt)
    assert (response.status, response.body, response.headers["x-request-id"]) == (200, RESPONSE_BODY, "up-1")
    assert incoming.closed == 1


@pytest.mark.parametrize(
    "rows, stream, error, message",
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
async def test_a_response_that_ends_before_its_content_is_an_error(rows, stream, error, message):
    attempt, incoming = attempt_with([rows], stream)
    with pytest.raises(error, match=message):
        await call_upstream(attempt)
    assert incoming.closed >= 1
    assert attempt.exchange.first_content_at is None


LARGE = chunk_event("x" * 100_000)


@pytest.mark.parametrize(
    "rows",
    [[ROLE + LARGE], [ROLE + LARGE[:90_000], LARGE[90_000:]], [ROLE, LARGE[:70_000], LARGE[70_000:]], [LARGE]],
)
async def test_a_first_content_event_may_exceed_the_hold_back_limit(rows):
    attempt, _ = attempt_with([list(rows)])
    response = await call_upstream(attempt)
    assert await response.body.read() == b"".join(rows)


async def test_lifecycle_events_may_repeat_a_large_request():
    echo = b'event: response.created\ndata: {"type":"response.created","response":{"instructions":"%b"}}\n\n' % (
        b"x" * 60_000
    )
    attempt, _ = attempt_with([[echo * 3 + TEXT]])
    with pytest.raises(MalformedResponse, match="no content"):
        await call_upstream(attempt)
    attempt, _ = attempt_with([[echo * 3 + TEXT]])
    attempt.provider_request = ProviderRequest("/responses", b"x" * 60_000)
    assert (await (await call_upstream(attempt)).body.read()).endswith(TEXT)


async def test_an_exception_in_a_dialect_is_a_malformed_response(monkeypatch):
    def fails(*_):
        raise KeyError(ANSWER)

    broken = replace(DIALECTS["openai"], has_content=fails, translate_error=fails)
    monkeypatch.setattr(module, "DIALECTS", {"openai": broken})
    for row in ([TEXT], FakeBody([b"{}"], 400)):
        attempt, incoming = attempt_with([row])
        with pytest.raises(MalformedResponse, match="cannot be translated"):
            await call_upstream(attempt)
        assert incoming.closed


async def test_an_event_or_response_over_its_limit_is_malformed(monkeypatch):
    monkeypatch.setattr(module, "MAX_RESPONSE_BYTES", 10)
    attempt, incoming = attempt_with([[b"x" * 11, FOREVER]], stream=False)
    with pytest.raises(MalformedResponse, match="over 10 bytes"):
        await call_upstream(attempt)
    assert incoming.closed
    monkeypatch.setattr(module, "Framer", lambda: Framer(max_event_bytes=10))
    attempt, incoming = attempt_with([[b"data: 1234567", FOREVER]])
    with pytest.raises(MalformedResponse, match="an event is over 10 bytes"):
        await call_upstream(attempt)
    assert incoming.closed


async def test_an_html_page_instead_of_a_stream_is_malformed():
    attempt, incoming = attempt_with([FakeBody([b"<html>"], headers=CIMultiDict({"Content-Type": "text/html"}))])
    with pytest.raises(MalformedResponse, match="responded to a stream request with text/html"):
        await call_upstream(attempt)
    assert incoming.closed


TIMES = "{connect: 2s, first_token: 40s, idle: 9s, response: 70s}"


@pytest.mark.parametrize("status", [400, 401, 500])
async def test_an_error_that_quotes_the_providers_key_is_redacted(status):
    body = orjson.dumps({"error": {"message": f"no key {PROVIDER_KEY} here"}})
    attempt, _ = attempt_with([FakeBody([body], status)])
    with pytest.raises(UpstreamErrorResponse) as caught:
        await call_upstream(attempt)
    assert PROVIDER_KEY not in caught.value.body().decode() + caught.value.message
    assert "[redacted]" in caught.value.message


@pytest.mark.parametrize("status, trigger", [(429, "rate_limit"), (500, "server_error"), (400, "invalid_request")])
@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_response_is_translated_and_closed(status, trigger, stream):
    body = orjson.dumps({"error": {"message": "not now", "type": "x", "code": None, "param": None}})
    headers = CIMultiDict({"Retry-After": "7"})
    attempt, incoming = attempt_with([FakeBody([body], status, headers)], stream)
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
async def test_a_local_error_is_the_outcome_and_logged(row, error, outcome):
    log = MemoryLog()
    attempt, _ = attempt_with([row])
    attempt.exchange.runtime.local_trouble.log = log.logger
    with pytest.raises(error):
        await call_upstream(attempt)
    assert attempt.outcome == outcome
    assert [(line["level"], line["event"]) for line in log.lines] == [("warning", outcome)]


async def test_a_stream_has_a_deadline_until_its_first_content_and_an_idle_timeout_after_it():
    attempt, incoming = attempt_with([[ROLE, COMMENT, TEXT, chunk_event(" more")]], timeouts=TIMES)
    now = asyncio.get_running_loop().time()
    response = await call_upstream(attempt)
    await drain(response.body)
    assert attempt.exchange.runtime.transport.timeouts == [(2, 40)]
    until, after = incoming.limits[:3], incoming.limits[3:]
    assert {round(deadline - now) for deadline, _ in until} == {40} and {patience for _, patience in until} == {inf}
    assert set(after) == {(inf, 9)}


async def test_a_response_without_streaming_has_one_deadline():
    attempt, incoming = attempt_with([[RESPONSE_BODY]], stream=False, timeouts=TIMES)
    now = asyncio.get_running_loop().time()
    await call_upstream(attempt)
    assert attempt.exchange.runtime.transport.timeouts == [(2, 70)]
    assert {round(deadline - now) for deadline, _ in incoming.limits} == {70}


@pytest.mark.parametrize("rows", [[UpstreamTimeout("late")], [[ROLE, UpstreamTimeout("late")]]])
async def test_a_timeout_fails_the_attempt_and_closes_the_response(rows):
    attempt, incoming = attempt_with(rows)
    with pytest.raises(UpstreamTimeout):
        await call_upstream(attempt)
    assert isinstance(incoming, UpstreamTimeout) or incoming.closed == 1


async def test_a_disconnect_after_the_first_content_is_raised_to_the_reader():
    attempt, _ = attempt_with([[TEXT, UpstreamDisconnected("cut")]])
    response = await call_upstream(attempt)
    assert await response.body.read() == TEXT
    with pytest.raises(UpstreamDisconnected):
        await response.body.read()


@pytest.mark.parametrize("rows", [[FOREVER], [[ROLE, FOREVER]]])
async def test_a_cancelled_attempt_closes_the_response(rows, assert_cancels):
    attempt, incoming = attempt_with(rows)
    await assert_cancels(call_upstream(attempt))
    assert incoming is FOREVER or incoming.closed == 1


@pytest.mark.parametrize("failure", [None, ConnectError("no")])
async def test_waiting_counts_as_upstream_time_even_if_the_attempt_fails(failure):
    attempt, _ = attempt_with([[TEXT]])
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
def test_the_url_comes_from_routing_yaml(options, path, url):
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
def test_the_key_is_sent_in_the_providers_auth_header(auth, name, value):
    headers = CIMultiDict(sent(auth=auth).headers)
    assert headers[name] == value
    assert str(headers).count(PROVIDER_KEY) == 1


def test_no_key_is_sent_without_one():
    assert not [canary for canary in CANARIES if canary in str(sent(key=None).headers)]


def test_routing_yaml_overrides_a_forwarded_header_in_any_case():
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
