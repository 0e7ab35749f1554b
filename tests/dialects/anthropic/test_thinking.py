"""Thinking reaches the caller with its signature, so that it can be sent back."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.anthropic.thinking import (
    StreamedThinking,
    has_open_call_without_thinking,
    replayed_blocks,
    thinking_blocks,
)

MODEL = "claude-sonnet-4-5"
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "s1"}
REDACTED = {"type": "redacted_thinking", "data": "d"}


@pytest.mark.parametrize("blocks, kept", [
    ([SIGNED, {"type": "text", "text": "a"}, REDACTED], [SIGNED, REDACTED]), ([{"type": "thinking", "thinking": "hm"}], None),
    ([{"type": "text", "text": "a", "signature": "s"}, {"type": []}], None), ([], None),
])  # fmt: skip
def test_blocks_with_a_signature_can_be_sent_back(blocks: list[dict[str, Any]], kept: Any) -> None:
    assert thinking_blocks(blocks, MODEL) == (kept and [{**block, "model": MODEL} for block in kept])


def streamed(*pieces: Any) -> list[Any]:
    """Return the blocks of a stream: a dict with a type starts block 0, one without continues it, None ends it."""
    thinking, closed = StreamedThinking(), []
    for piece in pieces:
        if piece is None:
            closed.append(thinking.close(0, MODEL))
        elif "start" in piece:
            thinking.open(0, piece["start"])
        else:
            thinking.add(0, piece)
    return closed


def test_a_streamed_block_is_whole() -> None:
    start, end = {"start": {"type": "thinking", "thinking": "h", "signature": ""}}, None
    pieces = [{"thinking": "m"}, {"signature": "s"}, {"signature": "1"}]
    assert streamed(start, *pieces, end, {"start": REDACTED}, end) == [
        {"index": 0, **SIGNED, "model": MODEL}, {"index": 1, **REDACTED, "model": MODEL},
    ]  # fmt: skip


def test_a_signature_alone_has_an_empty_thinking() -> None:
    start = {"start": {"type": "thinking"}}
    assert streamed(start, {"signature": "s"}, None) == [
        {"index": 0, "type": "thinking", "thinking": "", "signature": "s", "model": MODEL}
    ]


@pytest.mark.parametrize("pieces", [
    [{"start": {"type": "thinking"}}, {"thinking": "hm"}, None], [{"start": {"type": "text"}}, {"signature": "s"}, None],
    [{"start": {"type": "thinking"}}, *[{"thinking": "a" * 1_000_000}] * 5, {"signature": "s"}, None], [None],
])  # fmt: skip
def test_what_cannot_be_sent_back_is_left_out(pieces: list[Any]) -> None:
    assert streamed(*pieces) == [None]


CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}]}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "x"}


@pytest.mark.parametrize("sent_back, kept", [
    ([{"index": 0, **SIGNED, "model": MODEL, "x": 1}, {**REDACTED, "model": f"{MODEL}-20250929"}], [SIGNED, REDACTED]),
    ([SIGNED], [SIGNED]), ([{**SIGNED, "model": "claude-opus-4-5"}, {"type": "thinking", "thinking": "hm"}, 5], []), ("x", []),
])  # fmt: skip
def test_blocks_come_back_unchanged_to_models_of_their_family(sent_back: Any, kept: list[Any]) -> None:
    assert replayed_blocks({"thinking_blocks": sent_back}, MODEL) == kept


@pytest.mark.parametrize("messages, lost", [
    ([CALL, RESULT, RESULT], True), ([{**CALL, "thinking_blocks": [SIGNED]}, RESULT], False), ([CALL], False), ([], False),
    ([CALL, RESULT, {"role": "user", "content": "hi"}], False), ([5, RESULT], False),
    ([{**CALL, "thinking_blocks": [{**SIGNED, "model": "claude-opus-4-5"}]}, RESULT], True),
])  # fmt: skip
def test_thinking_is_lost_if_the_open_call_has_none(messages: list[Any], lost: bool) -> None:
    assert has_open_call_without_thinking(messages, MODEL) is lost
