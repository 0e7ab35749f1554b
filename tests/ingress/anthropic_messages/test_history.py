"""Conversations: results of tools come before what the user says, and thinking comes back as the hub has it."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.thinking_signature import pack
from proxy.errors import InvalidRequestError
from proxy.ingress.anthropic_messages.history import History

CALL = {"type": "tool_use", "id": "c1", "name": "f", "input": {}}


def hub(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    history = History()
    for index, message in enumerate(messages):
        history.add(message, f"messages[{index}]")
    return history.messages


def test_results_come_first_whatever_their_place() -> None:
    content = [{"type": "text", "text": "and?"}, {"type": "tool_result", "tool_use_id": "c1", "content": "x"}]
    assert hub({"role": "user", "content": content}) == [
        {"role": "tool", "tool_call_id": "c1", "content": "x"},
        {"role": "user", "content": "and?"},
    ]


def test_an_answer_of_nothing_that_the_hub_knows_is_left_out() -> None:
    blocks = [{"type": "thinking", "thinking": "Hm", "signature": "c2ln"}, {"type": "server_tool_use", "id": "s"}]
    assert hub({"role": "assistant", "content": blocks}) == []


def test_a_carried_signature_goes_to_its_call_alone() -> None:
    extra = {"google": {"thought_signature": "c2ln"}}
    carrier = {"type": "thinking", "thinking": "", "signature": pack({"call": "c2", "extra_content": extra})}
    (message,) = hub({"role": "assistant", "content": [carrier, CALL, {**CALL, "id": "c2"}]})
    assert [call.get("extra_content") for call in message["tool_calls"]] == [None, extra]
    assert message.keys() == {"role", "content", "tool_calls"}


@pytest.mark.parametrize("signature", ["parrot.", "parrot.!", "parrot.W10", pack({"call": 5, "extra_content": 5})])
def test_a_signature_that_is_not_readable_carries_nothing(signature: str) -> None:
    thinking = {"type": "thinking", "thinking": "Hm", "signature": signature}
    (message,) = hub({"role": "assistant", "content": [thinking, CALL]})
    assert message["reasoning_content"] == "Hm" and "thinking_blocks" not in message
    assert "extra_content" not in message["tool_calls"][0]


@pytest.mark.parametrize(
    ("block", "param"),
    [
        ({**CALL, "input": "x"}, "input"),
        ({**CALL, "name": None}, "name"),
        ({**CALL, "id": ""}, "id"),
    ],
)
def test_a_malformed_call_is_refused(block: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        hub({"role": "assistant", "content": [block]})
    assert raised.value.param == f"messages[0].content[0].{param}"


def test_a_result_without_the_id_of_a_call_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="tool_use_id"):
        hub({"role": "user", "content": [{"type": "tool_result"}]})
