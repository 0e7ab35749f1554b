"""Calls come one after the other, whatever the order of their fragments."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from proxy.ingress.anthropic_messages.event_writer import EventWriter
from proxy.ingress.anthropic_messages.streamed_calls import StreamedCalls
from tests.ingress.anthropic_messages.golden import context, message_of

FIRST = {"a": [1, "}"], "b": {}}
FRAGMENTS = {0: ['{"a":[1,', '"}"],"b', '":{}}'], 1: ['{"c', '":null}']}


def start(index: int) -> dict[str, Any]:
    return {"index": index, "id": f"c{index}", "type": "function", "function": {"name": f"f{index}", "arguments": ""}}


@pytest.mark.parametrize("order", sorted(set(permutations([0, 0, 0, 1, 1]))))
@pytest.mark.parametrize("starts_first", [True, False])
def test_every_order_gives_both_calls(order: tuple[int, ...], starts_first: bool) -> None:
    writer = EventWriter(context())
    calls = StreamedCalls(writer)
    pieces = {index: iter(each) for index, each in FRAGMENTS.items()}
    data, begun = writer.start({}), set()
    for index in [0, 1] if starts_first else []:
        begun.add(index)
        data += calls.feed(start(index))
    for index in order:
        if index not in begun:
            begun.add(index)
            data += calls.feed(start(index))
        data += calls.feed({"index": index, "function": {"arguments": next(pieces[index])}})
    assert not calls.is_partial
    data += calls.flush() + writer.end("tool_use", {"output_tokens": 1})
    found = {block["id"]: (block["name"], block["input"]) for block in message_of(data)["content"]}
    assert found == {"c0": ("f0", FIRST), "c1": ("f1", {"c": None})} and len(calls) == 2


def test_a_fragment_after_the_end_of_a_call_is_dropped() -> None:
    calls = StreamedCalls(EventWriter(context()))
    calls.feed({**start(0), "function": {"name": "f", "arguments": "{}"}})
    calls.flush()
    assert calls.feed({"index": 0, "function": {"arguments": " "}}) == b""
