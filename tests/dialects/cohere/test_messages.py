"""Messages are translated to the order that Cohere requires, or rejected with the path of the invalid part."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.cohere.messages import translate_messages
from proxy.errors import InvalidRequestError

HELLO = {"role": "user", "content": "hi"}
CALLS = [{"id": "i", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


@pytest.mark.parametrize("message, members", [
    ({"content": None}, {}), ({"content": "Wait."}, {"tool_plan": "Wait."}),
    ({"reasoning_content": "hm"}, {"tool_plan": "hm"}),
    ({"content": "Wait.", "reasoning_content": "hm"}, {"tool_plan": "hm", "content": "Wait."}),
])  # fmt: skip
def test_text_or_reasoning_before_a_call_becomes_the_tool_plan(
    message: dict[str, Any], members: dict[str, Any]
) -> None:
    turn = translate_messages([{"role": "assistant", "tool_calls": CALLS, **message}, HELLO], {})[0]
    assert turn == {"role": "assistant", "tool_calls": CALLS, **members}


def test_a_text_file_is_a_text_and_any_other_file_an_unsupported_feature() -> None:
    text, pdf, at_url = (
        {"role": "user", "content": [{"type": "file", "file": file}]}
        for file in (
            {"file_data": "data:text/csv;base64,YSxi"},
            {"file_data": "data:application/pdf;base64,JVBERi0xLjQK"},
            {"file_url": "https://x.y/a.txt"},
        )
    )
    assert translate_messages([text], {}) == [{"role": "user", "content": [{"type": "text", "text": "a,b"}]}]
    for message in (pdf, at_url):
        with pytest.raises(InvalidRequestError) as caught:
            translate_messages([message], {})
        assert caught.value.code == "unsupported_feature"


def test_leading_system_messages_are_joined_and_later_ones_become_user_messages() -> None:
    messages = [{"role": role, "content": role} for role in ("system", "developer", "user", "system", "user")]
    assert [(turn["role"], turn["content"]) for turn in translate_messages(messages, {})] == [
        ("system", "system\n\ndeveloper"), ("user", "user"), ("user", "system"), ("user", "user"),
    ]  # fmt: skip


def test_a_call_and_its_result_keep_their_id() -> None:
    messages = [
        HELLO,
        {"role": "assistant", "tool_calls": CALLS},
        {"role": "tool", "tool_call_id": "i", "content": "42"},
    ]
    turns = translate_messages(messages, {"f": "f_renamed"})
    assert turns[1]["tool_calls"][0]["function"]["name"] == "f_renamed"
    assert turns[2] == {"role": "tool", "tool_call_id": "i", "content": "42"}


@pytest.mark.parametrize("message, param", [
    ({"role": "bogus"}, "messages[0].role"), ({"role": "tool", "content": "x"}, "messages[0].tool_call_id"),
    ({"role": "user", "content": [{"type": "input_audio"}]}, "messages[0].content[0]"),
    ({"role": "user", "content": 3}, "messages[0].content"),
    ({"role": "tool", "tool_call_id": "i", "content": [{"type": "image_url"}]}, "messages[1].content[1].image_url.url"),
])  # fmt: skip
def test_an_invalid_message_is_reported_with_its_path(message: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        translate_messages([message, HELLO], {})
    assert caught.value.param == param


def test_an_assistant_message_without_content_is_omitted() -> None:
    assert translate_messages([{"role": "assistant", "content": ""}, HELLO], {}) == [HELLO]


def test_a_conversation_of_system_messages_alone_gets_a_user_message() -> None:
    system = {"role": "system", "content": "x"}
    assert translate_messages([system], {}) == [system, {"role": "user", "content": "."}]


def test_images_of_tool_results_follow_in_a_user_message() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    result = {"role": "tool", "tool_call_id": "i", "content": [{"type": "text", "text": "done"}, image]}
    turns = translate_messages([HELLO, {"role": "assistant", "tool_calls": CALLS}, result], {})
    assert turns[2] == {"role": "tool", "tool_call_id": "i", "content": "done"}
    assert turns[3] == {"role": "user", "content": [{"type": "text", "text": "Result of the tool call i:"}, image]}
