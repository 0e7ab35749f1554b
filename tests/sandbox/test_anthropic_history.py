"""The simulated Anthropic refuses conversations whose blocks are out of place."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.sandbox.anthropic_history import check_history, check_text_blocks, marked_blocks
from proxy.sandbox.contract import SimulatedError

USER: dict[str, Any] = {"role": "user", "content": "Hi"}
TEXT = {"type": "text", "text": "a"}
CALL = {"type": "tool_use", "id": "c1", "name": "f", "input": {}}
THINKING = {"type": "thinking", "thinking": "Hm", "signature": "EqQB"}
RESULT = {"type": "tool_result", "tool_use_id": "c1", "content": "x"}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


@pytest.mark.parametrize(
    "messages",
    [
        [USER],
        [USER, USER, assistant(TEXT), {"role": "system", "content": "Be kind."}, USER],
        [USER, assistant(THINKING, TEXT, CALL), user(RESULT, TEXT)],
        [USER, assistant(TEXT), assistant(CALL), user(RESULT), USER],
        [USER, assistant({"type": "server_tool_use", "id": "s"}, {"type": "web_search_tool_result"}, TEXT), USER],
    ],
)
def test_a_valid_conversation_is_accepted(messages: list[Any]) -> None:
    check_history(messages, thinks=False)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([], "at least one message"),
        ([{"role": "tool", "content": "x"}], "messages.0.role"),
        ([5], "messages.0.role"),
        ([{**USER, "name": "n"}], "messages.0.name: Extra inputs"),
        ([{"role": "user"}], "non-empty content"),
        ([{"role": "user", "content": ""}], "non-empty content"),
        ([assistant(TEXT), USER], "first message"),
        ([user({"type": "tool_use"})], "messages.0.content.0: Input tag 'tool_use'"),
        ([user("x")], "Input tag 'None'"),
        ([user({**TEXT, "extra": 1})], "messages.0.content.0.text.extra: Extra inputs"),
        ([user({"type": "text", "text": " "})], "non-whitespace"),
        ([USER, assistant({**THINKING, "signature": "parrot.e30"}), USER], "Invalid `signature`"),
        ([USER, assistant({**CALL, "input": "x"})], "input: Input should be a valid dictionary"),
        ([USER, assistant(CALL)], "`tool_use` ids were found without `tool_result` blocks immediately after: c1"),
        ([USER, assistant(CALL), USER], "`tool_use` ids were found"),
        ([USER, assistant(TEXT), user(RESULT)], "unexpected `tool_use_id` found in `tool_result` blocks: c1"),
        ([USER, assistant(CALL), user(TEXT, RESULT)], "must come first"),
        ([USER, assistant(CALL), user({**RESULT, "content": [{**TEXT, "x": 1}]})], "tool_result.content.0.text.x"),
    ],
)
def test_an_invalid_conversation_is_refused(messages: list[Any], reason: str) -> None:
    with pytest.raises(SimulatedError) as raised:
        check_history(messages, thinks=False)
    assert raised.value.status == 400 and reason in raised.value.message


def test_with_a_budget_the_turn_of_the_calls_begins_with_thinking() -> None:
    check_history([USER, assistant(THINKING, CALL), user(RESULT)], thinks=True)
    check_history([USER, assistant(TEXT), USER], thinks=True)
    with pytest.raises(SimulatedError, match="Expected `thinking` or `redacted_thinking`, but found `text`"):
        check_history([USER, assistant(TEXT, CALL), user(RESULT)], thinks=True)


def test_a_system_has_texts_alone() -> None:
    check_text_blocks("Be kind.", "system")
    check_text_blocks([TEXT], "system")
    with pytest.raises(SimulatedError, match=r"system\.0\.type"):
        check_text_blocks([RESULT], "system")


def test_marks_are_found_within_results() -> None:
    marked = {**TEXT, "cache_control": {"type": "ephemeral"}}
    assert list(marked_blocks([TEXT, marked, {**RESULT, "content": [marked]}])) == [marked, marked]
