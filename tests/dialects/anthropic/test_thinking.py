"""Thinking reaches the caller with its signature, so that it can be sent back."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.anthropic.thinking import StreamedThinking, thinking_blocks

SIGNED = {"type": "thinking", "thinking": "hm", "signature": "s1"}
REDACTED = {"type": "redacted_thinking", "data": "d"}


@pytest.mark.parametrize("blocks, kept", [
    ([SIGNED, {"type": "text", "text": "a"}, REDACTED], [SIGNED, REDACTED]), ([{"type": "thinking", "thinking": "hm"}], None),
    ([{"type": "text", "text": "a", "signature": "s"}, {"type": []}], None), ([], None),
])  # fmt: skip
def test_blocks_with_a_signature_can_be_sent_back(blocks: list[dict[str, Any]], kept: Any) -> None:
    assert thinking_blocks(blocks) == kept


def streamed(*pieces: Any) -> list[Any]:
    """Return the blocks of a stream: a dict with a type starts block 0, one without continues it, None ends it."""
    thinking, closed = StreamedThinking(), []
    for piece in pieces:
        if piece is None:
            closed.append(thinking.close(0))
        elif "start" in piece:
            thinking.open(0, piece["start"])
        else:
            thinking.add(0, piece)
    return closed


def test_a_streamed_block_is_whole() -> None:
    start, end = {"start": {"type": "thinking", "thinking": "h", "signature": ""}}, None
    pieces = [{"thinking": "m"}, {"signature": "s"}, {"signature": "1"}]
    assert streamed(start, *pieces, end, {"start": REDACTED}, end) == [{"index": 0, **SIGNED}, {"index": 1, **REDACTED}]


def test_a_signature_alone_has_an_empty_thinking() -> None:
    start = {"start": {"type": "thinking"}}
    assert streamed(start, {"signature": "s"}, None) == [
        {"index": 0, "type": "thinking", "thinking": "", "signature": "s"}
    ]


@pytest.mark.parametrize("pieces", [
    [{"start": {"type": "thinking"}}, {"thinking": "hm"}, None], [{"start": {"type": "text"}}, {"signature": "s"}, None],
    [{"start": {"type": "thinking"}}, *[{"thinking": "a" * 1_000_000}] * 5, {"signature": "s"}, None], [None],
])  # fmt: skip
def test_what_cannot_be_sent_back_is_left_out(pieces: list[Any]) -> None:
    assert streamed(*pieces) == [None]
