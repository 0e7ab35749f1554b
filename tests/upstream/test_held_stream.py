"""A stream is held back until its first event with content, whatever the cuts."""

from __future__ import annotations

import pytest

from proxy.errors import MalformedResponse, UpstreamDisconnected
from proxy.sse import Event
from proxy.upstream.held_stream import HeldStream
from tests.fakes import chunk_event

ROLE = b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n'
COMMENT = b": hold on\n\n"
TEXT = chunk_event("hello")


def has_content(event: Event) -> bool:
    return b"content" in (event.data or b"")


class Shout:
    """A transform whose output shows that it was applied."""

    def feed(self, data: bytes) -> bytes:
        return data.upper()

    def end(self) -> bytes:
        return b""


def held(max_bytes: int = 1000) -> HeldStream:
    return HeldStream(has_content, Shout, max_bytes)


@pytest.mark.parametrize("wire", [TEXT, COMMENT + ROLE + TEXT, ROLE + TEXT])
def test_everything_is_translated_with_the_last_byte_of_the_first_content(wire: bytes) -> None:
    stream = held()
    translated = [stream.feed(wire[at : at + 1]) for at in range(len(wire))]
    assert translated == [b""] * (len(wire) - 1) + [wire.upper()]


def test_content_is_found_among_other_events_of_one_read() -> None:
    stream = held()
    assert stream.feed(COMMENT + TEXT + b"data: {") == (COMMENT + TEXT + b"data: {").upper()


def test_after_the_first_content_all_is_translated_as_it_arrives() -> None:
    stream = held()
    assert stream.transform is None
    stream.feed(TEXT)
    assert isinstance(stream.transform, Shout)
    assert (stream.feed(b"data: {"), stream.end()) == (b"DATA: {", b"")


def test_the_last_event_may_lack_its_blank_line() -> None:
    stream = held()
    assert stream.feed(TEXT.rstrip()) == b""
    assert stream.end() == TEXT.rstrip().upper()


@pytest.mark.parametrize("wire", [ROLE, ROLE.rstrip(), b"data: [DON", b""])
def test_a_stream_without_content_is_a_disconnect(wire: bytes) -> None:
    stream = held()
    assert stream.feed(wire) == b""
    with pytest.raises(UpstreamDisconnected, match="^the provider ended the stream before any content$"):
        stream.end()


def test_events_without_content_are_limited_in_all() -> None:
    stream = held(max_bytes=3 * len(COMMENT))
    for _ in range(3):
        assert not stream.feed(COMMENT)
    with pytest.raises(MalformedResponse, match=f"no content in the first {3 * len(COMMENT)} bytes of the stream"):
        stream.feed(COMMENT)


def test_an_event_with_content_may_be_over_the_limit() -> None:
    large = chunk_event("x" * 5000)
    stream = held(max_bytes=10)
    assert stream.feed(large[:4000]) == b""
    assert stream.feed(large[4000:]) == large.upper()


@pytest.mark.parametrize(
    ("event", "is_progress"),
    [
        (b"event: response.in_progress\ndata: {}\n\n", True),
        (b"event: ping\ndata: {}\n\n", False),
        (b": comment\n\n", False),
        (b"data: {}\n\n", False),
    ],
)
def test_named_events_without_content_are_progress_but_pings_are_not(event: bytes, is_progress: bool) -> None:
    held = HeldStream(lambda event: False, lambda: None, 1000)  # type: ignore[arg-type, return-value]
    held.feed(event)
    assert [held.take_lifecycle_event(), held.take_lifecycle_event()] == [is_progress, False]
