from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.cohere.messages import conversation
from proxy.errors import InvalidRequestError

HELLO = {"role": "user", "content": "hi"}
CALLS = [{"id": "i", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


@pytest.mark.parametrize("said, told", [
    ({"content": None}, {}), ({"content": "Wait."}, {"tool_plan": "Wait."}),
    ({"reasoning_content": "hm"}, {"tool_plan": "hm"}),
    ({"content": "Wait.", "reasoning_content": "hm"}, {"tool_plan": "hm", "content": "Wait."}),
])  # fmt: skip
def test_what_was_said_or_thought_before_a_call_is_the_plan(said: dict[str, Any], told: dict[str, Any]) -> None:  # G 49
    turn = conversation([{"role": "assistant", "tool_calls": CALLS, **said}, HELLO], {})[0]
    assert turn == {"role": "assistant", "tool_calls": CALLS, **told}


def test_only_the_first_place_is_the_systems() -> None:
    messages = [{"role": role, "content": role} for role in ("system", "developer", "user", "system", "user")]
    assert [(turn["role"], turn["content"]) for turn in conversation(messages, {})] == [
        ("system", "system\n\ndeveloper"), ("user", "user"), ("user", "system"), ("user", "user"),
    ]  # fmt: skip


def test_a_call_and_its_result_go_over_with_their_id() -> None:
    messages = [
        HELLO,
        {"role": "assistant", "tool_calls": CALLS},
        {"role": "tool", "tool_call_id": "i", "content": "42"},
    ]
    turns = conversation(messages, {"f": "f_told"})
    assert turns[1]["tool_calls"][0]["function"]["name"] == "f_told"
    assert turns[2] == {"role": "tool", "tool_call_id": "i", "content": "42"}


@pytest.mark.parametrize("message, param", [
    ({"role": "bogus"}, "messages[0].role"), ({"role": "tool", "content": "x"}, "messages[0].tool_call_id"),
    ({"role": "user", "content": [{"type": "input_audio"}]}, "messages[0].content[0]"),
    ({"role": "user", "content": 3}, "messages[0].content"),
    ({"role": "tool", "tool_call_id": "i", "content": [{"type": "image_url"}]}, "messages[0].content[0]"),
])  # fmt: skip
def test_what_has_no_place_is_named(message: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        conversation([message, HELLO], {})
    assert caught.value.param == param


def test_an_answer_that_says_nothing_is_left_out() -> None:
    assert conversation([{"role": "assistant", "content": ""}, HELLO], {}) == [HELLO]
