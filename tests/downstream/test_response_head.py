"""The head of a response is valid HTTP, whatever its headers contain."""

from __future__ import annotations

import pytest

from proxy.downstream.response_head import encode_head, http_date

LENGTH = "Content-Length: 2\r\n"


def encoded(
    headers: dict[str, str] | None = None,
    *,
    status: int = 200,
    version: tuple[int, int] = (1, 1),
    keep_alive: bool = True,
    framing: str = LENGTH,
) -> bytes:
    return encode_head(version, status, headers or {}, framing=framing, keep_alive=keep_alive)


def test_it_has_status_headers_framing_and_a_blank_line() -> None:
    assert encoded({"X-A": "1", "x-b": "é"}) == (
        "HTTP/1.1 200 OK\r\nX-A: 1\r\nx-b: é\r\nContent-Length: 2\r\n\r\n".encode()
    )


def test_without_framing_and_headers_it_is_the_status_line() -> None:
    assert encoded(framing="") == b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    ("version", "keep_alive", "connection"),
    [
        ((1, 1), True, b""),
        ((1, 1), False, b"Connection: close\r\n"),
        ((1, 0), True, b"Connection: keep-alive\r\n"),
        ((1, 0), False, b""),
    ],
)
def test_connection_is_sent_if_keep_alive_is_not_the_versions_default(
    version: tuple[int, int], keep_alive: bool, connection: bytes
) -> None:
    line = f"HTTP/1.{version[1]} 200 OK\r\n".encode()
    assert encoded(version=version, keep_alive=keep_alive).startswith(line + connection + b"Content-Length")


@pytest.mark.parametrize(("status", "line"), [(404, b"HTTP/1.1 404 Not Found\r\n"), (599, b"HTTP/1.1 599 \r\n")])
def test_an_unknown_status_has_no_reason_phrase(status: int, line: bytes) -> None:
    assert encoded(status=status).startswith(line)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\r"])
def test_a_line_break_in_a_header_is_an_error(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        encoded({"X-A": value})
    with pytest.raises(ValueError, match="line break"):
        encoded({value: "a"})


def test_surrogates_are_dropped() -> None:
    assert b"X-A: ab\r\n" in encoded({"X-A": "a\udcffb"})


def test_the_date_is_in_gmt() -> None:
    assert http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT"
