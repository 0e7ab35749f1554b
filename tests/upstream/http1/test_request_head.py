"""The encoded head of a request."""

from __future__ import annotations

import pytest

from proxy.errors import InvalidHeaderError
from proxy.messages import UpstreamRequest
from proxy.upstream.http1.origin import parse_target
from proxy.upstream.http1.proxies import Proxies
from proxy.upstream.http1.request_head import encode_request_head


def encode(headers: dict[str, str], environ: dict[str, str] | None = None, url: str = "http://h/a") -> bytes:
    target = parse_target(url)
    return encode_request_head(
        UpstreamRequest(url, headers, b"body"), target, Proxies.from_environ(environ or {}).route(target.origin)
    )


def test_a_head_is_request_line_headers_and_empty_line() -> None:
    assert encode({"X-A": "1"}) == (
        b"POST /a HTTP/1.1\r\nHost: h\r\nAccept-Encoding: identity\r\nContent-Length: 4\r\nX-A: 1\r\n\r\n"
    )


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Transfer-Encoding", "Connection", "Accept-Encoding", "Expect"]
)
def test_framing_and_encoding_headers_of_the_caller_are_dropped(name: str) -> None:
    assert encode({name: "planted"}) == encode({})


@pytest.mark.parametrize(
    ("url", "line", "authorized"),
    [("http://h/a", b"POST http://h/a HTTP/1.1", True), ("https://h/a", b"POST /a HTTP/1.1", False)],
)
def test_the_absolute_url_and_credentials_are_sent_to_a_proxy_without_tunnel(
    url: str, line: bytes, authorized: bool
) -> None:
    both = {"http_proxy": "http://u:p@p", "https_proxy": "http://u:p@p"}
    sent = encode({}, both, url)
    assert sent.startswith(line + b"\r\n")
    assert (b"Proxy-Authorization: Basic dTpw\r\n" in sent) == authorized


@pytest.mark.parametrize(
    "headers",
    [{"X": "a\r\nb"}, {"X": "a\nb"}, {"X": "\0"}, {"X": "\x7f"}, {"": "a"}, {"X Y": "a"}, {"X:": "a"}, {"É": "a"}],
)
def test_an_invalid_header_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidHeaderError):
        encode({"X-Good": "a", **headers})


def test_undecodable_bytes_are_sent_unchanged() -> None:
    assert b"X: \xff\xc3\xa9\r\n" in encode({"X": b"\xff".decode("utf-8", "surrogateescape") + "é"})


def test_a_tab_is_allowed_in_a_value() -> None:
    assert b"X: a\tb\r\n" in encode({"X": "a\tb"})
