"""A member is added to JSON without any other byte changing, whatever stands around it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.hub.splice import append_member, append_to_event, insert_member, provider_member
from proxy.sse import data_of

MEMBER = provider_member("openai")


@pytest.mark.parametrize(
    ("data", "spliced"),
    [
        (b'{"id":"1"}', b'{"id":"1","provider":"openai"}'),
        (b'{ "id": 1.50e0, "x": {} }\n', b'{ "id": 1.50e0, "x": {} ,"provider":"openai"}\n'),
        (b"{}", b'{"provider":"openai"}'),
        (b"{ }", b'{ "provider":"openai"}'),
        (b'data: {"x":"}"}\n\n', b'data: {"x":"}","provider":"openai"}\n\n'),
    ],
)
def test_the_member_is_the_last_one_and_no_other_byte_changes(data: bytes, spliced: bytes) -> None:
    assert append_member(data, MEMBER) == spliced


def test_a_member_is_inserted_before_the_given_brace() -> None:
    data = b'{"usage":{"total_tokens":3 }, "x":{}}'
    assert insert_member(data, data.index(b" }") + 1, b'"cost":1') == b'{"usage":{"total_tokens":3 ,"cost":1}, "x":{}}'


LINES_AFTER = [
    b": a comment with a } brace",
    b"id: }",
    b"retry: 5}",
    b"event: }{",
    b"}: an unknown field",
    b"}",
    b"database: } is not data",
    b"data",
    b"data:",
]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("start", [b"data: ", b"data:", b"event: }\ndata: ", b": {\ndata: ", b"\xef\xbb\xbfdata: "])
@pytest.mark.parametrize("lines", [*([line] for line in LINES_AFTER), [b": }", b"data:"]])
def test_braces_in_other_lines_of_an_event_are_not_its_datas(lines: list[bytes], start: bytes, end: bytes) -> None:
    frame = b"\n".join([start + b'{"a":{}}', *lines, b"\n"]).replace(b"\n", end)
    spliced = append_to_event(frame, data_of(frame) or b"", MEMBER)
    assert json.loads(data_of(spliced) or b"") == {"a": {}, "provider": "openai"}
    assert spliced.replace(b"," + MEMBER, b"") == frame


@given(st.lists(st.sampled_from(LINES_AFTER), max_size=4), st.lists(st.sampled_from(LINES_AFTER[:7]), max_size=4))
def test_an_object_over_two_data_lines_gets_the_member_at_its_end(between: list[bytes], after: list[bytes]) -> None:
    frame = b"\n".join([b'data: {"a":', *between, b'data:  {"b":1}}', *after]) + b"\n\n"
    spliced = append_to_event(frame, data_of(frame) or b"", MEMBER)
    assert json.loads(data_of(spliced) or b"") == {"a": {"b": 1}, "provider": "openai"}
    assert spliced.replace(b"," + MEMBER, b"") == frame
