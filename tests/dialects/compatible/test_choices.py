from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.compatible.choices import StreamedChoice
from tests.dialects.oracles import response_context

HIGH, LOW, EMOJI = "\ud83d", "\ude00", "\U0001f600"


def translate(choice: StreamedChoice, **delta: Any) -> dict[str, Any]:
    return choice.translate_delta({"delta": delta})


def test_split_surrogate_pairs_are_joined_in_each_text_separately() -> None:
    choice = StreamedChoice(response_context(), 0)
    assert translate(choice, content="a" + HIGH, reasoning_content="b" + HIGH) == {
        "content": "a",
        "reasoning_content": "b",
    }
    assert choice.holds_surrogate
    assert translate(choice, reasoning_content=LOW) == {"reasoning_content": EMOJI}
    assert translate(choice, content=LOW + "c") == {"content": EMOJI + "c"}
    assert not choice.holds_surrogate


def test_split_surrogate_pairs_in_arguments_are_joined_per_call() -> None:
    choice = StreamedChoice(response_context(), 0)
    calls = [{"index": n, "id": f"i{n}", "function": {"name": "f", "arguments": HIGH}} for n in range(2)]
    first = translate(choice, tool_calls=calls)["tool_calls"]
    assert [call["function"]["arguments"] for call in first] == ["", ""]
    assert choice.holds_surrogate
    second = translate(choice, tool_calls=[{"index": 1, "function": {"arguments": LOW}}])["tool_calls"]
    assert second == [{"index": 1, "function": {"arguments": EMOJI}}]
    assert choice.last_delta()["tool_calls"] == [{"index": 0, "function": {"arguments": "\ufffd"}}]


def test_a_surrogate_held_back_is_replaced_when_the_choice_ends() -> None:
    choice = StreamedChoice(response_context(), 0)
    translate(choice, content="a" + HIGH)
    assert choice.last_delta() == {"content": "\ufffd"}
    assert not choice.holds_surrogate


def test_calls_without_arguments_get_an_empty_object_at_the_end() -> None:
    choice = StreamedChoice(response_context(), 0)
    translate(choice, tool_calls=[{"index": 0, "id": "i", "function": {"name": "f"}}])
    assert [call["function"] for call in choice.last_delta()["tool_calls"]] == [{"name": "f", "arguments": "{}"}]


@pytest.mark.parametrize("reasons, name, expected", [
    (["stop", "length"], "", {"finish_reason": "length"}),
    (["stop"], "f", {"finish_reason": "tool_calls"}),
    (["tired"], "", {"finish_reason": "stop", "provider_finish_reason": "tired"}),
])  # fmt: skip
def test_the_last_finish_reason_counts(reasons: list[str], name: str, expected: dict[str, str]) -> None:
    choice = StreamedChoice(response_context(), 2)
    translate(choice, tool_calls=[{"index": 0, "function": {"name": name}}])
    for reason in reasons:
        choice.finish = {"finish_reason": reason, "delta": {"content": "a"}}
    assert choice.finished() == {"index": 2, "delta": {}, "logprobs": None, **expected}
