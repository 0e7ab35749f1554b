"""URLs are parsed without changing a byte of the path."""

from __future__ import annotations

import pytest

from proxy.errors import ConnectError
from proxy.upstream.http1.origin import parse_target


@pytest.mark.parametrize(
    ("url", "origin", "authority", "path"),
    [
        ("https://api.openai.com/v1/x", ("https", "api.openai.com", 443), "api.openai.com", "/v1/x"),
        ("http://localhost:8080", ("http", "localhost", 8080), "localhost:8080", "/"),
        ("http://h?a=1", ("http", "h", 80), "h", "/?a=1"),
        ("https://H.Example:443/a", ("https", "h.example", 443), "h.example", "/a"),
        ("http://[::1]:81/a#b", ("http", "::1", 81), "[::1]:81", "/a"),
        ("https://h/model/arn%3Aaws/../%2e?k=%2F", ("https", "h", 443), "h", "/model/arn%3Aaws/../%2e?k=%2F"),
        ("https://bücher.example/a", ("https", "xn--bcher-kva.example", 443), "xn--bcher-kva.example", "/a"),
        ("https://h/v1/models/a:generate?alt=sse", ("https", "h", 443), "h", "/v1/models/a:generate?alt=sse"),
    ],
)
def test_a_url_is_parsed_into_origin_and_unchanged_path(url: str, origin: tuple, authority: str, path: str) -> None:  # type: ignore[type-arg]
    target = parse_target(url)
    assert (target.origin, target.origin.authority, target.path) == (origin, authority, path)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/",
        "h/a",
        "http:///a",
        "http://h:99999/",
        "http://h/a b",
        "http://h/a\r\nX: 1",
        "http://h/é",
        "http://[::/a",
        "http://h\n/a",
    ],
)
def test_an_invalid_url_is_a_connect_error(url: str) -> None:
    with pytest.raises(ConnectError, match="URL"):
        parse_target(url)
