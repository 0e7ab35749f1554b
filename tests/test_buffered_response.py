"""A whole answer goes out as one piece, its head as HTTP has it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from proxy.buffered_response import SentResponse, encode_response, http_date
from proxy.messages import Response


def sent(
    headers: dict[str, str] | None = None,
    *,
    status: int = 200,
    version: tuple[int, int] = (1, 1),
    method: str = "POST",
    keep_alive: bool = True,
) -> bytes:
    wire: Any = SimpleNamespace(version=version, method=method)
    return encode_response(wire, Response(status, {}, b"{}"), headers or {}, keep_alive)


def test_it_is_status_fields_length_and_body() -> None:
    assert sent({"X-A": "1", "x-b": "é"}) == (
        "HTTP/1.1 200 OK\r\nX-A: 1\r\nx-b: é\r\nContent-Length: 2\r\n\r\n{}".encode()
    )


def test_a_head_is_answered_without_the_body_but_with_its_length() -> None:
    assert sent(method="HEAD").endswith(b"Content-Length: 2\r\n\r\n")


@pytest.mark.parametrize(
    ("version", "keep_alive", "said"),
    [
        ((1, 1), True, b""),
        ((1, 1), False, b"Connection: close\r\n"),
        ((1, 0), True, b"Connection: keep-alive\r\n"),
        ((1, 0), False, b""),
    ],
)
def test_the_connection_is_spoken_of_where_the_version_does_not_say_it(
    version: tuple[int, int], keep_alive: bool, said: bytes
) -> None:
    line = f"HTTP/1.{version[1]} 200 OK\r\n".encode()
    assert sent(version=version, keep_alive=keep_alive).startswith(line + said + b"Content-Length")


@pytest.mark.parametrize(("status", "line"), [(404, b"HTTP/1.1 404 Not Found\r\n"), (599, b"HTTP/1.1 599 \r\n")])
def test_a_status_nobody_has_named_has_no_reason(status: int, line: bytes) -> None:
    assert sent(status=status).startswith(line)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\r"])
def test_a_header_cannot_begin_another(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        sent({"X-A": value})
    with pytest.raises(ValueError, match="line break"):
        sent({value: "a"})


def test_what_is_no_text_is_left_out() -> None:
    assert b"X-A: ab\r\n" in sent({"X-A": "a\udcffb"})


def test_the_date_is_in_gmt() -> None:
    assert http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT"


async def test_what_is_out_has_nothing_left_to_do() -> None:
    written = SentResponse(keep_alive=True)
    await written.prepare(SimpleNamespace())  # type: ignore[arg-type]
    await written.write_eof()
    assert written.keep_alive
