"""Absolute targets are served as their path; what HTTP/1.1 or this server does not allow is refused, whatever is requested."""

from __future__ import annotations

import pytest

from proxy.downstream.head_check import check_head
from tests.callers import ASK, chunked, post, world
from tests.fakes import settle
from tests.heads import parse_head


@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        ("/v1/models", "/v1/models", "own.test"),
        ("/v1/models?a=http://b/c", "/v1/models?a=http://b/c", "own.test"),
        ("//evil.test/v1", "//evil.test/v1", "own.test"),
        ("http://localhost:8090/v1/models", "/v1/models", "localhost:8090"),
        ("HTTP://LOCALHOST/v1/models?x=1#top", "/v1/models?x=1", "LOCALHOST"),
        ("https://[::1]:8090/v1/models", "/v1/models", "[::1]:8090"),
        ("http://localhost", "/", "localhost"),
        ("http://localhost?x=1", "/?x=1", "localhost"),
        ("http://localhost//evil.test/v1", "//evil.test/v1", "localhost"),
    ],
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_target_becomes_a_path_and_an_urls_authority_the_host(
    target: str, path: str, host: str, version: str
) -> None:
    message, refusal = check_head(parse_head("GET", target, "X-A: 1", version=version))
    assert refusal is None
    assert (message.path, message.headers.getall("Host"), message.headers["X-A"]) == (path, [host], "1")


@pytest.mark.parametrize(
    ("method", "target", "lines", "version", "status"),
    [
        ("CONNECT", "api.openai.com:443", [], "1.1", 405),
        ("OPTIONS", "*", [], "1.1", 405),
        ("GET", "ftp://localhost/v1/models", [], "1.1", 400),
        ("GET", "http://user:secret@localhost/v1/models", [], "1.1", 400),
        ("POST", "/", ["Expect: 200-ok"], "1.1", 417),
        ("POST", "/", ["Expect: 100-continue, more"], "1.1", 417),
        ("POST", "/", ["Expect: 100-continue", "Expect: more"], "1.1", 417),
        ("POST", "/", ["Transfer-Encoding: gzip, chunked"], "1.1", 501),
        ("POST", "/", ["Transfer-Encoding:", "Content-Length: 5"], "1.1", 501),
        ("POST", "/", ["Transfer-Encoding: chunked"], "1.0", 400),
        ("GET", "/", [], "2.0", 505),
        ("GET", "/", [], "0.9", 505),
    ],
)
def test_a_refused_request(method: str, target: str, lines: list[str], version: str, status: int) -> None:
    message, refusal = check_head(parse_head(method, target, *lines, version=version))
    assert refusal is not None and refusal.status == status
    assert refusal.headers == ({"Allow": "GET, HEAD, POST"} if status == 405 else {})
    assert "secret" not in refusal.message and message.version in ((1, 0), (1, 1))


@pytest.mark.parametrize(
    ("lines", "version"),
    [
        (["Expect: 100-continue"], "1.1"),
        (["Expect: 100-Continue, "], "1.1"),
        (["Expect:"], "1.1"),
        (["Expect: anything"], "1.0"),
        (["Transfer-Encoding: Chunked"], "1.1"),
        (["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__"], "1.1"),
        (["Upgrade: websocket", "Connection: Upgrade"], "1.1"),
    ],
)
def test_other_requests_are_unchanged(lines: list[str], version: str) -> None:
    message = parse_head("POST", "/", *lines, version=version)
    assert check_head(message) == (message, None)


# Over a connection.


async def test_an_absolute_target_is_served_as_its_path_and_goes_nowhere_else() -> None:
    here = world(200)
    caller = here.connect()
    caller.send(post(path="http://127.0.0.1:9/v1/chat/completions").replace(b"Host: localhost", b"Host: evil.test"))
    await settle()
    assert caller.statuses == [200]
    [sent] = here.transport.sent
    assert sent.url.startswith("https://a.test/") or "127.0.0.1:9" not in sent.url
    assert "127.0.0.1:9" not in str(sent.headers)


async def test_the_hosts_check_applies_to_the_authority_of_an_absolute_target() -> None:
    here = world()
    caller = here.connect()
    caller.send(post(path="http://evil.test/v1/chat/completions"))
    await settle()
    assert caller.statuses == [403] and here.transport.sent == []


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (post(ASK, "Expect: more"), 417),
        (chunked(ASK).replace(b": chunked", b": gzip, chunked"), 501),
        (post().replace(b"HTTP/1.1", b"HTTP/2.0"), 505),
        (post(path="ftp://localhost/v1/chat/completions"), 400),
        (b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n", 405),
        (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    ],
)
async def test_a_refused_request_gets_an_error_and_what_follows_is_not_served(
    request_bytes: bytes, status: int
) -> None:
    here = world(200)
    caller = here.connect()
    caller.send(request_bytes, post())
    await settle()
    [(got, headers, body)] = caller.responses
    assert (got, headers["connection"]) == (status, "close") and headers["x-request-id"]
    assert body.startswith(b'{"error":{"message":') and caller.socket.sent.startswith(b"HTTP/1.1 ")
    assert caller.is_closed and here.transport.sent == [] and here.handler.active == 0


async def test_an_upgrade_to_http_2_is_ignored_and_the_request_served() -> None:
    here = world(200)
    caller = here.connect()
    caller.send(post(ASK, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"))
    await settle()
    assert caller.statuses == [200] and "upgrade" not in caller.responses[0][1]
