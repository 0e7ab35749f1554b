"""Which responses are parsed and which are refused."""

from __future__ import annotations

import pytest

from proxy.upstream.http1.parser import ResponseParser


def parse(*pieces: bytes) -> ResponseParser:
    parser = ResponseParser()
    for piece in pieces:
        parser.feed(piece)
    return parser


def head(*fields: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join([status, *fields, "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    ("wire", "body", "keep"),
    [
        (head("Content-Length: 2") + b"hi", b"hi", True),
        (head("Content-Length: 0"), b"", True),
        (head("Transfer-Encoding: chunked") + b"2;ext=1\r\nhi\r\n0\r\nTrailer: x\r\n\r\n", b"hi", True),
        (head("transfer-encoding: Chunked") + b"2\r\nhi\r\n0\r\n\r\n", b"hi", True),
        (head("Connection: close", "Content-Length: 2") + b"hi", b"hi", False),
        (head("Content-Length: 2", status="HTTP/1.0 200 OK") + b"hi", b"hi", False),
        (head(status="HTTP/1.1 204 No Content"), b"", True),
        (head(status="HTTP/1.1 100 Continue") + head("Content-Length: 2") + b"hi", b"hi", True),
        (head("X: leftover", status="HTTP/1.1 103 Early Hints") + head("Content-Length: 2") + b"hi", b"hi", True),
        (head("Content-Length: 2", "Content-Encoding: identity") + b"hi", b"hi", True),
        (head("X-Empty:", "Content-Length: 2") + b"hi", b"hi", True),
    ],
)
def test_a_response_is_parsed_alike_in_any_pieces(wire: bytes, body: bytes, keep: bool) -> None:
    whole, bytewise = parse(wire), parse(*(wire[at : at + 1] for at in range(len(wire))))
    assert whole.headers == bytewise.headers
    assert "X" not in (whole.headers or {})
    for parser in (whole, bytewise):
        assert (b"".join(parser.body), parser.complete, parser.keep_alive) == (body, True, keep)
        assert parser.error is None
        assert not parser.trailing_data


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        (b"hello, this is HTTP/0.9\n", "Expected HTTP/"),
        (head("Content-Length: 0", status="HTTP/0.9 200 OK"), "not HTTP/1.1"),
        (head("Content-Length: 0", status="HTTP/2.0 200 OK"), "not HTTP/1.1"),
        (head("Content-Length: 0", status="HTTP/1.1 20 OK"), "status"),
        (head("Content-Length: 0", status="HTTP/1.1 099 OK"), "below 100"),  # not interim: nothing would follow
        (head("Upgrade: x", "Connection: upgrade", status="HTTP/1.1 101 Switching"), "switches protocols"),
        (head("Content-Length: 2", "Transfer-Encoding: chunked"), "Transfer-Encoding"),
        (head("Content-Length: 2", "Content-Length: 3"), "Content-Length"),
        (head("Content-Length: 2, 2"), "Content-Length"),
        (head("Content-Length: 99999999999999999999"), "overflow"),
        (head("Content-Length: -1"), "Content-Length"),
        (head("Transfer-Encoding: gzip, chunked"), "other than chunked"),
        (head("Transfer-Encoding: xchunked"), "other than chunked"),
        (head("Transfer-Encoding: chunked", status="HTTP/1.0 200 OK"), "HTTP/1.0"),
        (head("Transfer-Encoding: chunked") + b"zz\r\n", "chunk size"),
        (head("Transfer-Encoding: chunked") + b"fffffffffffffffff\r\n", "overflow"),
        (head("Transfer-Encoding: chunked") + b"2\r\nhiXX", "chunk"),
        (head("Content-Encoding: br", "Content-Length: 2"), "Content-Encoding"),
        (head("Content-Encoding: zstd", "Content-Length: 2"), "Content-Encoding"),
        (head("Content-Encoding: gzip, gzip", "Content-Length: 2"), "Content-Encoding"),
        (head("Content-Encoding: gzip", "Content-Encoding: gzip", "Content-Length: 2"), "Content-Encoding"),
        (head("X : a"), "header token"),
        (head("X: a\x00b"), "header value"),
        (head("X: a", " folded"), "header value"),
        (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "CR"),
        (head(*(f"X-{n}: 1" for n in range(129))), "128 fields"),
        (head("X: " + "y" * 65536), "65536 bytes"),
        (head("Transfer-Encoding: chunked") + b"0\r\n" + b"T: 1\r\n" * 16384, "65536 bytes"),
        (head(status="HTTP/1.1 100 Continue") * 17, "16 interim"),
    ],
)
def test_an_invalid_response_is_refused(wire: bytes, why: str) -> None:
    assert why in (parse(wire).error or "")
    assert why in (parse(*(wire[at : at + 7] for at in range(0, len(wire), 7))).error or "")


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 ",
        head("Transfer-Encoding: chunked") + b"2;x=",
        head("Transfer-Encoding: chunked") + b"0\r\nT: ",
    ],
    ids=["header", "reason", "chunk extension", "trailer"],
)
def test_endless_bytes_without_content_are_refused(start: bytes) -> None:
    assert "without content" in (parse(start, *[b"x" * 4096] * 17).error or "")


@pytest.mark.parametrize("more", [b"x", head("Content-Length: 2") + b"ho"], ids=["junk", "a second answer"])
def test_data_after_a_response_is_reported_and_not_parsed(more: bytes) -> None:
    parser = parse(head("Content-Length: 2") + b"hi" + more)
    assert (parser.body, parser.complete, parser.trailing_data, parser.error) == ([b"hi"], True, True, None)


@pytest.mark.parametrize(
    ("coding", "is_compressed"),
    [("gzip", True), ("X-GZIP", True), ("Deflate", True), ("identity", False), ("Identity", False), ("", False)],
)
def test_a_compressed_body_has_a_decoder_of_its_own(coding: str, is_compressed: bool) -> None:
    parser = parse(head(f"Content-Encoding: {coding}", "Content-Length: 2") + b"hi")
    assert (parser.error, parser.body, parser.decoder is not None) == (None, [b"hi"], is_compressed)
    parser.reset()
    assert parser.decoder is None


def test_reset_forgets_the_previous_response() -> None:
    parser = parse(head("Content-Length: 2", "X-First: 1") + b"hi")
    parser.reset()
    parser.feed(head("Transfer-Encoding: chunked") + b"2\r\nho\r\n0\r\n\r\n")
    assert (parser.body, parser.complete) == ([b"ho"], True)
    assert dict(parser.headers or {}) == {"transfer-encoding": "chunked"}


def test_a_closed_parser_ignores_data() -> None:
    parser = ResponseParser()
    parser.close()
    parser.feed(head("Content-Length: 0"))
    assert not parser.complete
