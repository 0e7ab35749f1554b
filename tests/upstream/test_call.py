"""A call hands on an answer from its first content on, or fails; it closes the response when it fails."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from proxy.attempts import translation
from proxy.dialects import DIALECTS
from proxy.dialects.contract import ProviderRequest
from proxy.errors import MalformedResponse, ResponseTooLargeError, UpstreamDisconnected, UpstreamErrorResponse
from proxy.sse import Framer
from proxy.upstream import call as module
from proxy.upstream import held_stream, limits
from tests.fakes import ANSWER, FOREVER, PROVIDER_KEY, RESPONSE_BODY, chunk_event
from tests.upstream.fixtures import COMMENT, FINISH, MORE, ROLE, SSE, TEXT, named, run

# Streams.


@pytest.mark.parametrize(
    "reads, first, rest",
    [
        ([TEXT, MORE], [named(TEXT)], [named(MORE)]),
        ([COMMENT, ROLE, TEXT, MORE], [COMMENT + named(ROLE) + named(TEXT)], [named(MORE)]),
        ([ROLE + TEXT + MORE[:9], MORE[9:]], [named(ROLE) + named(TEXT)], [named(MORE)]),
        ([TEXT[:9], TEXT[9:-1], TEXT[-1:]], [named(TEXT)], []),
        ([FINISH], [named(FINISH)], []),
        ([TEXT.rstrip()], [named(TEXT)], []),
        ([TEXT, MORE[:-1]], [named(TEXT)], [named(MORE)]),
    ],
)
async def test_a_stream_is_held_back_until_its_first_content(reads, first, rest):
    one = run(list(reads))
    listener = await one.end()
    assert listener.data == first + rest
    assert listener.calls == ["content"] * len(first) + ["data"] * len(rest) + ["end"]
    assert not one.is_closed


LARGE = chunk_event("x" * 100_000)


@pytest.mark.parametrize(
    "reads",
    [[ROLE + LARGE], [ROLE + LARGE[:90_000], LARGE[90_000:]], [ROLE, LARGE[:70_000], LARGE[70_000:]], [LARGE]],
)
async def test_a_first_content_event_may_exceed_the_hold_back_limit(reads):
    listener = await run(list(reads)).end()
    assert listener.calls == ["content", "end"]
    assert listener.data[0].endswith(named(LARGE))


async def test_lifecycle_events_may_repeat_a_large_request():
    echo = b'event: response.created\ndata: {"type":"response.created","response":{"instructions":"%b"}}\n\n' % (
        b"x" * 60_000
    )
    await run([echo * 3 + TEXT]).fail(MalformedResponse, "no content")
    one = run([echo * 3 + TEXT])
    one.attempt.provider_request = ProviderRequest("/responses", b"x" * 60_000)
    assert (await one.end()).data[0].endswith(named(TEXT))


@pytest.mark.parametrize(
    "reads, stream, error, message",
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
async def test_a_response_that_ends_before_its_content_is_an_error(reads, stream, error, message):
    one = run(reads, stream=stream)
    await one.fail(error, message)
    assert one.listener.calls == ["failure"]
    assert one.transfer.is_over


async def test_an_error_event_before_any_content_fails_the_attempt():
    one = run([ROLE, b'data: {"error":{"message":"x","code":"rate_limit_exceeded"}}\n\n', FOREVER])
    listener = await one.end()
    assert (listener.calls, listener.failure.trigger, listener.failure.message) == (["failure"], "rate_limit", "x")
    assert one.is_closed


async def test_an_html_page_instead_of_a_stream_is_malformed():
    one = run((200, {"Content-Type": "text/html"}, [b"<html>"]))
    await one.fail(MalformedResponse, "responded to a stream request with text/html")
    assert one.is_closed


async def test_a_stream_without_content_type_is_malformed():
    await run((200, {}, [TEXT])).fail(MalformedResponse, "responded to a stream request with no content type")


async def test_a_disconnect_after_the_first_content_is_a_failure_after_it():
    listener = await run([TEXT, UpstreamDisconnected("cut")]).end()
    assert (listener.calls, listener.data) == (["content", "failure"], [named(TEXT)])
    assert isinstance(listener.failure, UpstreamDisconnected)


async def test_a_disconnect_after_the_finish_is_the_end_of_the_stream():
    listener = await run([TEXT, FINISH, UpstreamDisconnected("cut")]).end()
    assert (listener.calls, listener.failure) == (["content", "data", "end"], None)


async def test_a_read_without_a_whole_event_is_not_handed_on():
    listener = await run([TEXT, MORE[:5], MORE[5:]]).end()
    assert listener.calls == ["content", "data", "end"]


# Complete responses.


async def test_a_response_without_streaming_is_handed_on_whole():
    one = run((200, SSE, [RESPONSE_BODY[:50], RESPONSE_BODY[50:]]), stream=False)
    listener = await one.end()
    assert listener.calls == ["response"]
    body = orjson.loads(listener.data[0])
    assert body.pop("provider") == "a"
    assert body.items() >= orjson.loads(RESPONSE_BODY).items()
    assert one.call.headers["x-request-id"] == "up-1"
    assert not one.is_closed


@pytest.mark.parametrize("status, trigger", [(429, "rate_limit"), (500, "server_error"), (400, "invalid_request")])
@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_response_is_translated(status, trigger, stream):
    body = orjson.dumps({"error": {"message": "not now", "type": "x", "code": None, "param": None}})
    one = run((status, {"Retry-After": "7"}, [body]), stream=stream)
    failure = await one.fail(UpstreamErrorResponse, "not now")
    assert (failure.trigger, failure.headers["retry-after"]) == (trigger, "7")
    assert not one.is_closed, "its connection is used again"


async def test_an_error_has_only_the_headers_that_the_caller_may_receive():
    limits = {
        "x-ratelimit-remaining-requests": "0",
        "openai-processing-ms": "5",
        "anthropic-ratelimit-tokens-limit": "1",
    }
    headers = {**limits, "Retry-After": "1.5", "Set-Cookie": "a=b", "Server": "x", "x-request-id": "up-1"}
    failure = (await run((429, headers, [b"{}"])).end()).failure
    assert failure.headers == {
        "x-ratelimit-remaining-requests": "0", "openai-processing-ms": "5", "retry-after": "2",
        "x-provider-request-id": "up-1",
    }  # fmt: skip


@pytest.mark.parametrize("status", [400, 401, 500])
async def test_an_error_that_quotes_the_providers_key_is_redacted(status):
    body = orjson.dumps({"error": {"message": f"no key {PROVIDER_KEY} here"}})
    failure = (await run((status, {}, [body])).end()).failure
    assert PROVIDER_KEY not in failure.body().decode() + failure.message
    assert "[redacted]" in failure.message


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_quotes_the_providers_key_is_redacted(stream):
    row = (
        [chunk_event(f"a {PROVIDER_KEY}")]
        if stream
        else (200, {}, [RESPONSE_BODY.replace(ANSWER.encode(), PROVIDER_KEY.encode())])
    )
    listener = await run(row, stream=stream).end()
    assert PROVIDER_KEY.encode() not in b"".join(listener.data)
    assert b"[redacted]" in b"".join(listener.data)


async def test_an_exception_in_a_dialect_is_a_malformed_response(monkeypatch):
    def fails(*_):
        raise KeyError(ANSWER)

    broken = {"openai": replace(DIALECTS["openai"], has_content=fails, translate_error=fails, translate_response=fails)}
    monkeypatch.setattr(module, "DIALECTS", broken)
    monkeypatch.setattr(translation, "DIALECTS", broken)
    for row, stream in (([TEXT, FOREVER], True), ((400, {}, [b"{}"]), True), (200, False)):
        one = run(row, stream=stream)
        await one.fail(MalformedResponse, "cannot be translated")
        assert one.transfer.is_over


class Failing:
    """A stream transform that passes events on, and raises at one of them or at the end."""

    def __init__(self, at: bytes | None) -> None:
        self._at = at

    def feed(self, data: bytes) -> bytes:
        if self._at is not None and self._at in data:
            raise KeyError(ANSWER)
        return data

    def end(self) -> bytes:
        if self._at is None:
            raise KeyError(ANSWER)
        return b""


@pytest.mark.parametrize(
    ("at", "reads", "calls"),
    [
        (b"canary", [TEXT, FOREVER], ["failure"]),
        (b"more", [TEXT, MORE, FOREVER], ["content", "failure"]),
        (None, [TEXT, MORE], ["content", "data", "failure"]),
        (b"canary", [TEXT.rstrip()], ["failure"]),
        (None, [TEXT.rstrip()], ["failure"]),
    ],
    ids=["first content", "later", "end", "only event", "end of the only event"],
)
async def test_an_exception_in_the_translation_of_a_stream_fails_the_attempt(at, reads, calls, monkeypatch):
    broken = {"openai": replace(DIALECTS["openai"], stream_translator=lambda _: Failing(at))}
    monkeypatch.setattr(translation, "DIALECTS", broken)
    one = run(list(reads))
    await one.fail(MalformedResponse, "cannot be translated")
    assert one.listener.calls == calls
    assert one.transfer.is_over


async def test_a_response_over_64_mib_is_the_sidecars_limit_and_no_fault_of_the_provider():
    part = bytes(2**20)
    one = run((200, {}, [*[part] * 64, b"x", FOREVER]), stream=False)
    failure = await one.fail(ResponseTooLargeError, "over 64 MiB, the limit of a response that is not streamed")
    assert (failure.status, failure.code, failure.headers) == (502, "response_too_large", {"x-should-retry": "false"})
    assert one.is_closed


async def test_an_event_over_its_limit_is_no_fault_of_the_provider_either(monkeypatch):
    monkeypatch.setattr(held_stream, "Framer", lambda: Framer(max_event_bytes=10))
    one = run([b"data: 1234567", FOREVER])
    await one.fail(ResponseTooLargeError, "an event is over 10 bytes")
    assert one.is_closed


async def test_of_an_error_body_over_its_limit_the_beginning_is_enough():
    limited = {"retry-after": "7"}
    one = run((429, limited, [b"x" * limits.MAX_ERROR_BODY_BYTES, b"x", FOREVER]))
    failure = await one.fail(UpstreamErrorResponse, "xxx")
    assert (failure.status, failure.trigger, failure.headers) == (429, "rate_limit", limited)
    assert one.is_closed
