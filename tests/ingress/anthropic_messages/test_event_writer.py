"""Each block is opened, filled and closed before the next."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.ingress.anthropic_messages.event_writer import EventWriter
from proxy.sse import decode, split_frames
from tests.ingress.anthropic_messages.golden import context


def events(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(decode(frame).data or b"") for frame in split_frames(data)]


def test_a_message_begins_with_an_estimate_of_its_prompt() -> None:
    (start,) = events(EventWriter(context()).start({}))
    assert start["message"]["usage"]["input_tokens"] == 7


@pytest.mark.parametrize(
    "chunk, model", [({"model": "served"}, "served"), ({}, "claude-asked"), ({"model": 5}, "claude-asked")]
)
def test_a_message_names_the_model_that_serves_it(chunk: dict[str, Any], model: str) -> None:
    (start,) = events(EventWriter(context()).start(chunk))
    assert start["message"]["model"] == model


def test_a_piece_of_another_kind_closes_the_open_block() -> None:
    writer = EventWriter(context())
    data = writer.piece("text", "a") + writer.piece("text", 'b"') + writer.piece("thinking", "c") + writer.close()
    kinds = [(event["type"].removeprefix("content_block_"), event["index"]) for event in events(data)]
    text = [("start", 0), ("delta", 0), ("delta", 0), ("stop", 0)]
    assert kinds == [*text, ("start", 1), ("delta", 1), ("delta", 1), ("stop", 1)]


def test_nothing_is_closed_twice() -> None:
    writer = EventWriter(context())
    writer.piece("text", "a")
    assert writer.close() and not writer.close()


def test_half_a_character_is_replaced() -> None:
    data = EventWriter(context()).piece("text", "a\ud83e")
    assert events(data)[1]["delta"]["text"] == "a\ufffd"
