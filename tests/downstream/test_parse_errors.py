"""What the parser does not accept is answered with the status that says why, and without what arrived."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from proxy.downstream.body_deadline import LINGER_S
from proxy.downstream.parse_errors import MAX_HEADER_BYTES, MAX_HEADERS, MAX_TARGET_BYTES, parse_error
from tests.callers import ASK, chunked, post, world
from tests.cuts import split_at
from tests.fakes import settle
from tests.heads import parse
from tests.running import RunningSidecar
from tests.virtual_time import virtual_time

HOST = b"Host: localhost\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def get(*lines: bytes, target: bytes = b"/") -> bytes:
    return b"GET %b HTTP/1.1\r\n%b" % (target, b"".join(line + b"\r\n" for line in lines)) + HOST


CASES = {
    "a long target": (get(target=b"/secret" + b"a" * MAX_TARGET_BYTES), 414, "uri_too_long"),
    "a long absolute target": (get(target=b"http://secret/" + b"a" * MAX_TARGET_BYTES), 414, "uri_too_long"),
    "a long header": (get(b"X-A: secret" + b"a" * MAX_HEADER_BYTES), 431, "request_headers_too_large"),
    "a long header like a target": (get(b"X-A: /secret" + b"/" * MAX_HEADER_BYTES), 431, "request_headers_too_large"),
    "a long name": (get(b"secret" + b"a" * MAX_HEADER_BYTES + b": 1"), 431, "request_headers_too_large"),
    "many headers": (get(*[b"X-A: secret"] * MAX_HEADERS), 431, "request_headers_too_large"),
    "HTTP/2": (PREFACE, 505, "http_version_not_supported"),
    "HTTP/2 with settings": (PREFACE + bytes(4) + b"secret", 505, "http_version_not_supported"),
    "HTTP/3": (b"GET /secret HTTP/3.0\r\n" + HOST, 505, "http_version_not_supported"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03secret", 400, "invalid_request"),
    "another header": (get(b"secret"), 400, "invalid_request"),
    "text": (b"secret\r\n\r\n", 400, "invalid_request"),
    "a target like the parser's words": (get(target=b"http:///Too"), 400, "invalid_request"),
}


@pytest.mark.parametrize(("data", "status", "code"), CASES.values(), ids=CASES)
def test_each_kind_has_its_status(data: bytes, status: int, code: str) -> None:
    failure = parse(data)
    assert isinstance(failure, Exception)
    error = parse_error(failure)
    assert (error.status, error.code) == (status, code) and "secret" not in error.message


def test_the_messages_name_the_limit_or_the_protocol() -> None:
    messages = {name: parse_error(parse(data)).message for name, (data, _, _) in CASES.items()}  # type: ignore[arg-type]
    assert messages["a long target"] == "the request target is over 8192 bytes"
    assert messages["a long header"] == messages["a long name"] == "a header is over 8190 bytes"
    assert messages["many headers"] == "more than 128 headers"
    assert "HTTP/1.1" in messages["HTTP/2"] and "http://" in messages["TLS"]


@pytest.mark.parametrize(
    "data", [get(target=b"/" + b"a" * 8000), get(b"X-A: " + b"a" * 8000), get(*[b"X-A: 1"] * (MAX_HEADERS - 1))]
)
def test_what_is_within_the_limits_is_accepted(data: bytes) -> None:
    assert not isinstance(parse(data), Exception)


@pytest.mark.parametrize(("data", "status", "code"), CASES.values(), ids=CASES)
@virtual_time
async def test_the_client_gets_the_error_and_its_connection_is_closed(data: bytes, status: int, code: str) -> None:
    here = world(200)
    caller = here.connect()
    caller.send(*split_at(data, [5]) if data is not PREFACE else [data], b"more", post())
    await settle()
    [(got, headers, body)] = caller.responses
    assert (got, orjson.loads(body)["error"]["code"]) == (status, code) and caller.socket.sent.startswith(b"HTTP/1.1 ")
    assert headers["connection"] == "close" and headers["server"].startswith("parrot/")
    assert b"secret" not in caller.socket.sent and "secret" not in here.log.text
    await asyncio.sleep(LINGER_S + 1)
    assert caller.is_closed and here.transport.sent == []
    await settle()
    assert here.watched == set()


BROKEN = {
    "a large header": (post(ASK, f"X-A: {'a' * 9000}")[:9000], 431),
    "a malformed header": (b"POST / HTTP/1.1\r\nHost localhost\r\nContent-Length: 9000000\r\n\r\n", 400),
    "a malformed chunk": (chunked(end=b"") + b"zz\r\n", 400),
}


@pytest.mark.parametrize(("sent", "status"), BROKEN.values(), ids=BROKEN)
@virtual_time
async def test_what_follows_is_read_and_dropped_for_a_while(sent: bytes, status: int) -> None:
    here = world()
    caller = here.connect()
    caller.send(sent)
    assert caller.statuses == [status] and caller.socket.has_written_eof
    await asyncio.sleep(LINGER_S - 1)
    for _ in range(100):
        caller.send(b"X-B: " + b"b" * 9000)
    assert caller.statuses == [status] and not caller.is_closed and not caller.protocol._messages
    await asyncio.sleep(2)
    assert caller.is_closed
    await settle()
    assert here.watched == set() and here.listener.connections == []


@pytest.mark.parametrize(("sent", "status"), BROKEN.values(), ids=BROKEN)
async def test_the_response_is_not_lost_in_a_reset(two_providers: RunningSidecar, sent: bytes, status: int) -> None:
    reader, writer = await asyncio.open_connection(*two_providers.url.removeprefix("http://").rsplit(":", 1))
    writer.write(sent)
    for _ in range(64):
        writer.write(b"x" * 65536)
        await writer.drain()
    async with asyncio.timeout(10):
        assert (await reader.read()).startswith(b"HTTP/1.1 %d " % status)
    writer.close()


async def test_requests_before_an_oversized_head_are_answered_first() -> None:
    here = world(200)
    caller = here.connect()
    caller.send(post(), CASES["many headers"][0])
    await settle()
    assert caller.statuses == [200, 431]
