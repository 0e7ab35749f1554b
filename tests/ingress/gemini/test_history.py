"""Contents become messages, and responses find their calls."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidRequestError
from proxy.ingress.gemini.history import History
from proxy.ingress.gemini.signatures import call_signature


def messages(*contents: Any) -> list[dict[str, Any]]:
    history = History()
    for index, content in enumerate(contents):
        history.add(content, f"contents[{index}]")
    return history.messages


def calls(*members: dict[str, Any]) -> dict[str, Any]:
    return {"role": "model", "parts": [{"functionCall": each} for each in members]}


def responses(*members: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "parts": [{"functionResponse": {"response": {}, **each}} for each in members]}


def answered(*contents: dict[str, Any]) -> list[str]:
    return [message["tool_call_id"] for message in messages(*contents) if message["role"] == "tool"]


def test_responses_without_ids_answer_the_calls_of_their_name_in_order() -> None:
    asked = calls({"name": "f"}, {"name": "g"}, {"name": "f"})
    assert answered(asked, responses({"name": "f"}, {"name": "f"}, {"name": "g"})) == ["call_1", "call_3", "call_2"]


def test_responses_with_ids_answer_those_calls() -> None:
    asked = calls({"id": "a", "name": "f"}, {"id": "b", "name": "f"})
    assert answered(asked, responses({"id": "b", "name": "f"}, {"id": "a", "name": "f"})) == ["b", "a"]
    assert answered(asked, responses({"name": "f"}, {"id": "unknown", "name": "f"})) == ["a", "b"]


def test_calls_of_later_turns_have_ids_of_their_own() -> None:
    turn = (calls({"name": "f"}), responses({"name": "f"}))
    assert answered(*turn, *turn) == ["call_1", "call_2"]


@pytest.mark.parametrize(
    ("response", "text"),
    [
        ({"result": "21 °C"}, "21 °C"),
        ({"output": "21 °C"}, "21 °C"),
        ({"output": {"a_b": 1}}, '{"output":{"a_b":1}}'),
        ({"error": "no"}, '{"error":"no"}'),
        ({"output": "a", "more": 1}, '{"output":"a","more":1}'),
        ({}, "{}"),
    ],
)
def test_a_response_is_its_text_or_json(response: dict[str, Any], text: str) -> None:
    assert messages(calls({"name": "f"}), responses({"name": "f", "response": response}))[-1]["content"] == text


def test_another_vendors_thinking_comes_back_with_its_call() -> None:
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}]
    part = {"functionCall": {"name": "f"}, "thought_signature": call_signature({}, blocks, is_first=True)}
    (message,) = messages({"role": "model", "parts": [{"text": "Hm.", "thought": True}, part]})
    assert message["thinking_blocks"] == blocks and message["reasoning_content"] == "Hm."


def test_system_texts_are_one_message_and_may_be_a_plain_string() -> None:
    for instruction in ("a\nb", {"role": "any", "parts": [{"text": "a"}, {"text": "b"}]}):
        history = History()
        history.add_system(instruction)
        assert history.messages == [{"role": "system", "content": "a\nb"}]


def test_an_answer_of_nothing_is_left_out() -> None:
    assert messages({"role": "model", "parts": [{"text": ""}, {"thoughtSignature": "ZW5k"}]}, {"role": "user"}) == []


@pytest.mark.parametrize(
    ("content", "param"),
    [
        (5, "contents[0]"),
        ({"role": "assistant"}, "contents[0].role"),
        ({"role": ["user"]}, "contents[0].role"),
        ({"parts": 5}, "contents[0].parts"),
        ({"parts": [5]}, "contents[0].parts[0]"),
        (calls({}), "contents[0].parts[0].functionCall.name"),
        (calls({"name": "f", "args": []}), "contents[0].parts[0].functionCall.args"),
        (responses({"name": "f"}), "contents[0].parts[0].functionResponse.name"),
    ],
)
def test_the_error_for_a_malformed_content_names_it(content: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        messages(content)
    assert raised.value.param == param


def test_a_response_must_be_an_object() -> None:
    with pytest.raises(
        InvalidRequestError, match=r"contents\[1\]\.parts\[0\]\.functionResponse\.response: must be an object"
    ):
        messages(calls({"name": "f"}), responses({"name": "f", "response": "text"}))
