"""Frames and events do not depend on how the stream is cut, and follow the WHATWG standard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sse import Event, EventTooLargeError, Framer, data_of, decode, encode, is_comment, without_ids
from tests.cuts import split_at

ENDINGS = st.sampled_from([b"\n", b"\r", b"\r\n"])
LINES = st.sampled_from(
    [b"", b"", b"data: a", b"data:b", b"data", b"data:  c", b"data: x: y", b"event: e", b"event", b": ping",
     b"id: 1", b"retry: 5", b"junk", b" data: no", b"data: \xc3\xa9"]
)  # fmt: skip
STREAMS = st.lists(st.tuples(LINES, ENDINGS), max_size=12).map(lambda lines: b"".join(map(b"".join, lines)))


def split(pieces: list[bytes]) -> tuple[list[bytes], bytes]:
    framer = Framer()
    frames = [frame for piece in pieces for frame in framer.feed(piece)]
    return frames, framer.flush()


def reference_events(stream: bytes) -> list[tuple[str, bytes]]:
    """The events by the WHATWG algorithm, line by line, except for ids and empty types."""
    events, name, data = [], "", []
    for line in stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[:-1]:
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if not line:
            events += [(name, b"\n".join(data))] if data else []
            name, data = "", []
        elif field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode()
    return events


@given(STREAMS, st.lists(st.integers(min_value=0), max_size=8))
def test_frames_and_rest_are_exactly_the_input(stream: bytes, places: list[int]) -> None:
    frames, rest = split(split_at(stream, places))
    assert b"".join(frames) + rest == stream


@given(STREAMS, st.lists(st.integers(min_value=0), max_size=8))
def test_the_frames_do_not_depend_on_how_the_stream_is_cut(stream: bytes, places: list[int]) -> None:
    assert split(split_at(stream, places)) == split([stream]) == split([bytes([byte]) for byte in stream])


@given(STREAMS, st.lists(st.integers(min_value=0), max_size=8))
def test_events_match_the_whatwg_algorithm(stream: bytes, places: list[int]) -> None:
    stream += b":"  # settles whether a last CR was half a CRLF
    frames = split(split_at(stream, places))[0]
    events = [(event.name, event.data) for event in map(decode, frames)]
    assert [data for _, data in events] == list(map(data_of, frames))
    assert [event for event in events if event[1] is not None] == reference_events(stream)


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
def test_an_event_is_returned_with_its_last_byte(end: bytes) -> None:
    framer = Framer()
    assert framer.feed(b"data: 1" + end[:-1]) == []
    assert framer.feed(end[-1:]) == [b"data: 1" + end]


def test_an_event_that_ends_in_cr_waits_for_the_byte_after_it() -> None:
    framer = Framer()
    assert framer.feed(b"data: 1\r\r") == []
    assert framer.feed(b"d") == [b"data: 1\r\r"]
    assert (framer.flush(), framer.flush()) == (b"d", b"")


@pytest.mark.parametrize("piece", [b"x", b"x\n", b"x\r\n"])
def test_an_incomplete_event_over_the_limit_is_an_error(piece: bytes) -> None:
    framer = Framer(max_event_bytes=10)
    with pytest.raises(EventTooLargeError, match="an event is over 10 bytes"):
        for _ in range(11):
            framer.feed(piece)


def test_many_events_within_the_limit_pass() -> None:
    framer = Framer(max_event_bytes=10)
    assert len([frame for _ in range(100) for frame in framer.feed(b"data: ab\n\n")]) == 100


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        (b"data: a\n\n", Event("", b"a")),
        (b"data:a\n\n", Event("", b"a")),
        (b"data:  a\r\n\r\n", Event("", b" a")),
        (b"data: a\ndata: b\n\n", Event("", b"a\nb")),
        (b"data: a\rdata:\r\r", Event("", b"a\n")),
        (b"data\n\n", Event("", b"")),
        (b"data: \n\n", Event("", b"")),
        (b"event: e\ndata: a\n\n", Event("e", b"a")),
        (b"data: a\nevent: one\nevent: two\n\n", Event("two", b"a")),
        (b"event: \xff\ndata: a\n\n", Event("\ufffd", b"a")),
        (b"\xef\xbb\xbfdata: a\n\n", Event("", b"a")),
        (b"\ndata: a\n\n", Event("", b"a")),
        (b": ping\n\n", Event("", None)),
        (b"id: 7\nretry: 3\nfoo: bar\n\n", Event("", None)),
        (b"event: ping\n\n", Event("ping", None)),
        (b"Data: a\n data: b\n\n", Event("", None)),
        (b"data: a: b\n\n", Event("", b"a: b")),
        (b"data: unended", Event("", b"unended")),
        (b"", Event("", None)),
    ],
)
def test_fields_are_parsed_by_the_whatwg_rules(frame: bytes, event: Event) -> None:
    assert (decode(frame), data_of(frame)) == (event, event.data)


@given(st.binary().filter(lambda data: not {10, 13} & set(data)), st.sampled_from(["", "message_start"]))
def test_encode_and_decode_are_inverse(data: bytes, name: str) -> None:
    (frame,) = split([encode(data, name)])[0]
    assert (decode(frame), data_of(frame)) == (Event(name, data), data)


@pytest.mark.parametrize("frame", [b": a\n\n", b":\r\n\r\n", b"\n\n", b"\xef\xbb\xbf: a\n: b\n\n"])
def test_a_frame_of_comments_alone_is_one(frame: bytes) -> None:
    assert is_comment(frame)


@pytest.mark.parametrize(
    "frame", [b"event: a\n\n", b": a\nid: 1\n\n", b"data\n\n", b" : a\n\n", b": a\r\rretry: 1\n\n"]
)
def test_a_frame_with_a_field_is_no_comment(frame: bytes) -> None:
    assert not is_comment(frame)


@pytest.mark.parametrize(
    ("frame", "without"),
    [
        (b"id: 1\ndata: a\n\n", b"data: a\n\n"),
        (b"data: a\r\nid:1\r\n\r\n", b"data: a\r\n\r\n"),
        (b"data: a\rid\r\r", b"data: a\r\r"),
        (b"id: 1\nid: 2\n\n", b"\n"),
        (b"data: id: 1\nidea: 2\n:id: 3\n\n", b"data: id: 1\nidea: 2\n:id: 3\n\n"),
    ],
)
def test_ids_are_left_out(frame: bytes, without: bytes) -> None:
    assert without_ids(frame) == without
