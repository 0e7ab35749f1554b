"""Responses are encoded by the version and the method of their request, one after the other."""

from __future__ import annotations

import pytest

from proxy.downstream.response_encoder import ResponseEncoder


def begun(version: tuple[int, int] = (1, 1), method: str = "POST", *, keep_alive: bool = True) -> ResponseEncoder:
    """Return an encoder for the response to such a request."""
    encoder = ResponseEncoder()
    encoder.begin(version, method, keep_alive=keep_alive)
    return encoder


def test_a_complete_response_is_head_and_body_in_one_piece() -> None:
    assert begun().complete(200, {"X-A": "1"}, b"{}") == b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\n\r\n{}"


def test_a_response_to_head_has_a_length_but_no_body() -> None:
    assert begun(method="HEAD").complete(200, {}, b"{}") == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_that_never_has_a_body_has_no_length(status: int) -> None:
    head = begun().complete(status, {"X-A": "1"}, b"")
    assert head.startswith(b"HTTP/1.1 %d " % status) and head.endswith(b"\r\nX-A: 1\r\n\r\n") and b"Length" not in head


def test_the_next_response_does_not_remember_the_one_before() -> None:
    encoder = begun((1, 0), "HEAD", keep_alive=False)
    encoder.complete(200, {}, b"{}")
    encoder.begin((1, 1), "GET", keep_alive=True)
    assert encoder.complete(200, {}, b"{}") == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def test_a_stream_is_chunked_and_its_head_leaves_with_its_first_events() -> None:
    encoder = begun()
    encoder.start_stream(200, {"X-A": "1"})
    assert [encoder.events(b"a" * 16), encoder.events(b"b"), encoder.end_stream()] == [
        b"HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n" + b"a" * 16 + b"\r\n",
        b"1\r\nb\r\n",
        b"0\r\n\r\n",
    ]
    assert encoder.keep_alive


@pytest.mark.parametrize("asked", [True, False])
def test_a_stream_to_http_1_0_has_no_chunks_and_ends_with_its_connection(asked: bool) -> None:
    encoder = begun((1, 0), keep_alive=asked)
    encoder.start_stream(200, {})
    assert [encoder.events(b"a"), encoder.events(b"b"), encoder.end_stream()] == [
        b"HTTP/1.0 200 OK\r\n\r\na", b"b", b"",
    ]  # fmt: skip
    assert not encoder.keep_alive


@pytest.mark.parametrize(
    ("version", "end"), [((1, 1), b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), ((1, 0), b"200 OK\r\n\r\n")]
)
def test_an_empty_stream_is_its_head_and_its_end(version: tuple[int, int], end: bytes) -> None:
    encoder = begun(version)
    encoder.start_stream(200, {})
    assert encoder.end_stream().endswith(end)


def test_no_data_is_never_the_chunk_that_ends_a_stream() -> None:
    encoder = begun()
    encoder.start_stream(200, {})
    assert encoder.events(b"").endswith(b"chunked\r\n\r\n") and encoder.events(b"") == b""


def test_a_header_with_a_line_break_is_an_error_of_both_kinds_of_response() -> None:
    for encode in (lambda one: one.complete(200, {"X": "a\nb"}, b""), lambda one: one.start_stream(200, {"X": "a\nb"})):
        with pytest.raises(ValueError, match="line break"):
            encode(begun())
