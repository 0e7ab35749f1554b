"""The output of one response: which item a delta belongs to, and how much is kept."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import ResponseTooLargeError
from proxy.ingress.openai_responses import answer as module
from proxy.ingress.openai_responses.answer import Answer
from proxy.ingress.openai_responses.events import NoEvents
from tests.dialects.oracles import corruptions
from tests.ingress.openai_responses.oracles import TOOLS, answer_context


def items_of(*deltas: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the output that these deltas make."""
    answer = Answer(answer_context(tools=TOOLS), NoEvents())
    for delta in deltas:
        answer.add(delta)
    answer.close("stop")
    return answer.output()


def test_what_interrupts_a_message_ends_it() -> None:
    text, reasoning = {"content": "a"}, {"reasoning_content": "b"}
    kinds = [item["type"] for item in items_of(text, text, reasoning, reasoning, text)]
    assert kinds == ["message", "reasoning", "message"]


def test_pieces_of_several_calls_may_alternate() -> None:
    def piece(index: int, text: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": index, "id": f"call_{index}", "function": {"name": "f", "arguments": text}}]}

    calls = items_of(piece(0, "a"), piece(1, "b"), piece(0, "c"), piece(1, "d"))
    assert [(call["call_id"], call["arguments"]) for call in calls] == [("call_0", "ac"), ("call_1", "bd")]


def test_a_call_without_an_id_gets_one() -> None:
    calls = items_of({"tool_calls": [{"function": {"name": "f"}}, {"function": {"name": "f"}}]})
    assert len({call["call_id"] for call in calls}) == 2 and all(call["call_id"] for call in calls)


def test_an_answer_that_is_too_long_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CHARS", 5)
    assert items_of({"content": "12345"})
    with pytest.raises(ResponseTooLargeError):
        items_of({"content": "123"}, {"reasoning_content": "456"})


def test_a_delta_of_wrong_types_raises_nothing() -> None:
    call = {"index": 0, "id": "1", "function": {"name": "f", "arguments": "{}"}, "extra_content": {"google": {}}}
    delta = {
        "content": "a", "reasoning_content": "b", "refusal": "c", "thinking_blocks": [{"type": "thinking"}],
        "images": [{"image_url": {"url": "data:,A"}}], "tool_calls": [call], "annotations": [{"url_citation": {"url": "x"}}],
    }  # fmt: skip
    for corrupted in corruptions(delta):
        if isinstance(corrupted, dict):
            items_of(corrupted)
