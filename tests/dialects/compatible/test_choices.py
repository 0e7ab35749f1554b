from __future__ import annotations

from typing import Any

from proxy.dialects.compatible.choices import StreamedChoice
from tests.dialects.oracles import response_context

HIGH, LOW, EMOJI = "\ud83d", "\ude00", "\U0001f600"


def said(choice: StreamedChoice, ends: bool = False, **delta: Any) -> dict[str, Any]:
    return choice.translate_delta({"delta": delta}, ends=ends)


def test_a_character_in_two_halves_is_joined_in_each_text_on_its_own() -> None:
    choice = StreamedChoice(response_context(), 0)
    assert said(choice, content="a" + HIGH, reasoning_content="b" + HIGH) == {"content": "a", "reasoning_content": "b"}
    assert choice.holds_surrogate
    assert said(choice, reasoning_content=LOW) == {"reasoning_content": EMOJI}
    assert said(choice, content=LOW + "c") == {"content": EMOJI + "c"}
    assert not choice.holds_surrogate


def test_halves_in_arguments_are_joined_by_call() -> None:
    choice = StreamedChoice(response_context(), 0)
    calls = [{"index": n, "id": f"i{n}", "function": {"name": "f", "arguments": HIGH}} for n in range(2)]
    first = said(choice, tool_calls=calls)["tool_calls"]
    assert [call["function"]["arguments"] for call in first] == ["", ""]
    assert choice.holds_surrogate
    second = said(choice, tool_calls=[{"index": 1, "function": {"arguments": LOW}}])["tool_calls"]
    assert second == [{"index": 1, "function": {"arguments": EMOJI}}]
    assert said(choice, ends=True)["tool_calls"] == [{"index": 0, "function": {"arguments": "\ufffd"}}]


def test_what_waits_in_vain_is_replaced_where_the_choice_ends() -> None:
    choice = StreamedChoice(response_context(), 0)
    said(choice, content="a" + HIGH)
    assert said(choice, ends=True) == {"content": "\ufffd"}
    assert not choice.holds_surrogate


def test_calls_without_arguments_get_theirs_at_the_end() -> None:
    choice = StreamedChoice(response_context(), 0)
    said(choice, tool_calls=[{"index": 0, "id": "i", "function": {"name": "f"}}])
    assert said(choice, ends=True)["tool_calls"] == [{"index": 0, "function": {"arguments": "{}"}}]
