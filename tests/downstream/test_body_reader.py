"""A body is the same in whatever cuts it arrives, is counted before it is kept, and is refused where it is broken."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpVersion, RawRequestMessage
from aiohttp.streams import StreamReader
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from proxy.downstream.body_reader import BodyReader
from proxy.errors import InvalidRequestError, RequestTooLargeError


def reader(headers: dict[str, str] | None = None, version: tuple[int, int] = (1, 1)) -> tuple[BodyReader, StreamReader]:
    """Return a reader, and the stream that the parser feeds."""
    message = RawRequestMessage(
        "POST", "/", HttpVersion(*version), CIMultiDictProxy(CIMultiDict(headers or {})), (), False, None, False, False,
        URL("/"),
    )  # fmt: skip
    loop: Any = Mock()
    payload = StreamReader(Mock(BaseProtocol, _reading_paused=False), 2**16, loop=loop)
    return BodyReader(message, payload), payload


def accept(size: int) -> None:
    """Count nothing."""


@pytest.mark.parametrize("parts", [[b"abcdef"], *([b"abcdef"[:at], b"abcdef"[at:]] for at in range(7))])
@pytest.mark.parametrize("reads_between", [True, False])
async def test_a_body_is_the_same_in_any_cuts(parts: list[bytes], reads_between: bool) -> None:
    body, payload = reader()
    counted: list[int] = []
    for part in parts:
        payload.feed_data(part)
        if reads_between:
            assert body.read(counted.append) is None
    payload.feed_eof()
    assert body.is_complete and body.is_over
    assert body.read(counted.append) == b"abcdef"
    assert sum(counted) == body.size == 6


async def test_a_part_over_a_limit_is_not_kept() -> None:
    def refuse(size: int) -> None:
        raise RequestTooLargeError("too large")

    body, payload = reader()
    payload.feed_data(b"abc")
    with pytest.raises(RequestTooLargeError):
        body.read(refuse)
    assert body.size == 0 and not body.is_over


async def test_broken_framing_is_an_invalid_request_and_the_end_of_the_body() -> None:
    body, payload = reader()
    payload.feed_data(b"abc")
    assert body.read(accept) is None
    payload.set_exception(RuntimeError("a secret"))
    with pytest.raises(InvalidRequestError, match="not well-formed") as caught:
        body.read(accept)
    assert "secret" not in str(caught.value) and body.is_over and not body.discard()


async def test_an_incomplete_body_that_something_follows_is_broken() -> None:
    body, payload = reader()
    with pytest.raises(InvalidRequestError, match="not well-formed"):
        body.read(accept, is_followed=True)
    assert body.is_over
    body, payload = reader()
    assert not body.discard(is_followed=True) and body.is_over
    body, payload = reader()
    payload.feed_data(b"abc")
    payload.feed_eof()
    assert body.read(accept, is_followed=True) == b"abc"


async def test_a_discarded_body_ends_as_well() -> None:
    body, payload = reader()
    payload.feed_data(b"abc")
    assert body.discard() and not body.is_over
    payload.feed_data(b"def")
    payload.feed_eof()
    assert body.discard() and body.is_over


@pytest.mark.parametrize(
    ("headers", "version", "is_awaiting"),
    [
        ({}, (1, 1), False),
        ({"Expect": "100-continue"}, (1, 1), True),
        ({"Expect": "100-Continue"}, (1, 1), True),
        ({"Expect": "100-continue"}, (1, 0), False),
        ({"Expect": "something"}, (1, 1), False),
    ],
)
async def test_a_caller_of_http_1_1_may_wait_before_it_sends_the_body(
    headers: dict[str, str], version: tuple[int, int], is_awaiting: bool
) -> None:
    assert reader(headers, version)[0].is_awaiting_continue is is_awaiting


async def test_a_body_in_small_parts_takes_no_more_memory_than_its_size_and_is_kept_once() -> None:
    protocol: Any = SimpleNamespace(
        _reading_paused=False, resume_reading=lambda *_, **__: None
    )  # a Mock would keep every call
    payload = StreamReader(protocol, 2**16, loop=Mock())
    body, parts = BodyReader(reader()[0].message, payload), 50_000
    tracemalloc.start()
    try:
        for _ in range(parts):
            payload.feed_data(bytes(bytearray(b"ab")))  # a copy, as from a socket
            body.read(accept)
        assert tracemalloc.get_traced_memory()[0] < 2 * 2 * parts
        payload.feed_eof()
        whole = body.read(accept)
        assert whole is not None and tracemalloc.get_traced_memory()[0] < 1.5 * len(whole)
    finally:
        tracemalloc.stop()
    assert whole == b"ab" * parts
