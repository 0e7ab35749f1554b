"""A stream without `alt=sse` is one JSON array."""

from __future__ import annotations

import json

import pytest

from proxy.ingress.gemini.framing import JsonArray, framing_of


@pytest.mark.parametrize("query", ["alt=sse", "key=k&alt=sse", "$alt=json&alt=sse"])
def test_events_are_asked_for_by_the_query(query: str) -> None:
    assert framing_of(f"/v1/models/m:streamGenerateContent?{query}") is None


@pytest.mark.parametrize("path", ["/p", "/p?alt=json", "/p?key=alt=sse", "/alt=sse"])
def test_anything_else_is_an_array(path: str) -> None:
    framing = framing_of(path)
    assert framing is not None and framing.content_type == "application/json"


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("at_once", [True, False])
def test_every_event_is_an_element_and_comments_are_none(count: int, at_once: bool) -> None:
    frames = [b'data: {"a": %d}\r\n\r\n: ping\n\n' % number for number in range(count)]
    array = JsonArray()
    written = array.feed(b"".join(frames)) if at_once else b"".join(map(array.feed, frames))
    assert json.loads(written + array.end()) == [{"a": number} for number in range(count)]


def test_an_element_is_sent_as_soon_as_its_event_is() -> None:
    array = JsonArray()
    assert array.feed(b"data: {}\n\n") == b"[{}"
    assert array.feed(b"data: {}\n\n") == b",\r\n{}"
