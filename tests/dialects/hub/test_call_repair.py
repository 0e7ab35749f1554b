"""Calls of any provider's model keep their results, whatever ids and arguments they have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.dialects.hub.call_repair import object_text, repair_calls
from proxy.dialects.names import NameRule

LONG = "chatcmpl-tool-" + "0123456789abcdef" * 2


def calls(*ids: Any) -> dict[str, Any]:
    listed = [{"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}} for id in ids]
    return {"role": "assistant", "content": None, "tool_calls": listed}


def result(id: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": "x"}


def ids_of(messages: list[Any]) -> tuple[list[str], list[str]]:
    made = [call["id"] for message in messages for call in message.get("tool_calls", ())]
    return made, [message["tool_call_id"] for message in messages if message["role"] == "tool"]


@pytest.mark.parametrize("messages", [
    [calls(LONG, LONG + "b"), result(LONG), result(LONG + "b")], [calls("", None), result(""), result(None)],
    [calls("a", "a"), result("a"), result("a")], [calls("a"), result("a"), calls("a"), result("a")],
    [calls("a_é", "a b"), result("a_é"), result("a b")], [calls("call", ""), result("call"), result("")],
])  # fmt: skip
def test_ids_are_short_unique_and_paired(messages: list[Any]) -> None:
    made, answered = ids_of(repair_calls(messages))
    assert made == answered and len(set(made)) == 2
    assert all(0 < len(id) <= 40 and id.isascii() and " " not in id for id in made)


def test_ids_stay_the_same_as_the_conversation_grows() -> None:
    turn = [calls(LONG, "", LONG), result(LONG), result(""), result(LONG)]
    grown = repair_calls([*turn, calls(LONG), result(LONG)])
    assert grown[:4] == repair_calls(turn) and len({*ids_of(grown)[0]}) == 4


def test_results_without_an_id_answer_the_calls_in_their_order() -> None:
    repaired = repair_calls([calls("a", "b"), result("b"), {"role": "tool", "content": "x"}])
    assert ids_of(repaired)[1] == ["b", "a"]


@pytest.mark.parametrize("messages, expected", [
    ([calls("a"), {"role": "user", "content": "stop"}], ["a"]), ([calls("a", "b"), result("b"), calls("c")], ["b", "a", "c"]),
    ([calls("a", "b"), result("a")], ["a", "b"]), ([calls("a")], ["a"]),
    ([calls("a", "b"), {"role": "user", "content": "and?"}, result("b"), result("unknown"), result("a")], ["b", "a", "unknown"]),
])  # fmt: skip
def test_every_call_is_followed_by_a_result(messages: list[Any], expected: list[str]) -> None:
    repaired = repair_calls(messages)
    assert ids_of(repaired)[1] == expected
    roles = [message["role"] for message in repaired]
    assert roles[roles.index("assistant") + 1] == "tool"


def test_a_conversation_that_needs_no_repair_is_the_same_object() -> None:
    for messages in ([{"role": "user"}, "x"], [calls("a", "b"), result("b"), result("a")]):
        assert repair_calls(messages) is messages


@pytest.mark.parametrize("malformed", [
    {"tool_calls": "x"}, {"tool_calls": ["x", {"id": "a"}, {"function": "f"}]}, {"role": "tool"}, result("unknown"), 5,
])  # fmt: skip
def test_what_is_malformed_stays_for_its_translation_to_report(malformed: Any) -> None:
    assert repair_calls([malformed, calls("a")])[0] == malformed


def test_a_providers_rule_for_ids_is_followed() -> None:
    assert ids_of(repair_calls([calls("functions.f:0")], NameRule("a-z_", limit=8)))[0] == ["function"]


@pytest.mark.parametrize("arguments, expected", [
    (None, {}), ("", {}), (" \n", {}), ({"a": 1}, {"a": 1}), ('{"a": 1}', {"a": 1}), ('"{\\"a\\": 1}"', {"a": 1}),
    ('{"a": ', {"invalid_json": '{"a": '}), ("[1]", {"invalid_json": "[1]"}), ([1], {"invalid_json": [1]}),
    ('{"a": NaN}', {"a": None}), ("\ud800", {"invalid_json": "\ufffd"}),
])  # fmt: skip
def test_arguments_become_the_text_of_an_object(arguments: Any, expected: Any) -> None:
    assert json.loads(object_text(arguments), parse_constant=lambda _: None) == expected


def test_arguments_that_are_an_object_keep_their_text() -> None:
    for text in ('{ "a" : 1.50 }', '{"a": NaN}', '{"a": 123456789012345678901}'):
        assert object_text(text) is text


def test_arguments_with_too_many_values_are_not_parsed() -> None:
    text = "[" + "1," * 200_001
    assert object_text(text) is text
