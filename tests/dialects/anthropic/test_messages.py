"""Invalid conversations are rejected with the path of the message; valid ones are merged into alternating turns."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.anthropic.messages import Conversation
from proxy.dialects.anthropic.tables import ModelCapabilities
from proxy.errors import InvalidRequestError

USER = {"role": "user", "content": "a"}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLS = {"role": "assistant", "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "1", "content": "x"}
BMP = "data:image/bmp;base64,Qk0AAA=="


def turns_of(*messages: Any, **capabilities: bool) -> list[dict[str, Any]]:
    conversation = Conversation(ModelCapabilities(1, **capabilities), {})
    for index, message in enumerate(messages):
        conversation.add(message, f"messages[{index}]")
    return conversation.to_turns()


def assistant_call(**changes: Any) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [CALL | changes]}


@pytest.mark.parametrize("messages, param", [
    ([], "messages"),
    (["hi"], "messages[0].role"),
    ([{"role": ["user"]}], "messages[0].role"),
    ([{"role": "function", "name": "f", "content": "x"}], "messages[0].role"),
    ([{"role": "system", "content": " "}], "messages"),
    ([{"role": "user", "content": 5}], "messages[0].content"),
    ([{"role": "user", "content": [{"type": "text", "text": 5}]}], "messages[0].content[0].text"),
    ([{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}], "messages[0].content[0]"),
    ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": BMP}}]}], "messages[0].content[0].image_url.url"),
    ([{"role": "system", "content": [{"type": "image_url", "image_url": {"url": BMP}}]}], "messages[0].content[0]"),
    ([USER, {"role": "assistant", "content": "b"}], "messages"),
    ([USER, {"role": "assistant", "function_call": {"name": "f"}}], "messages[1].function_call"),
    ([USER, {"role": "assistant", "tool_calls": {}} | {"tool_calls": {"a": 1}}], "messages[1].tool_calls"),
    ([USER, assistant_call(id=5)], "messages[1].tool_calls[0].id"),
    ([USER, {"role": "assistant", "tool_calls": [CALL, CALL]}], "messages[1].tool_calls[1].id"),
    ([USER, assistant_call(function={"name": "f", "arguments": "{"}), RESULT], "messages[1].tool_calls[0].function.arguments"),
    ([USER, RESULT], "messages[1].tool_call_id"),
    ([USER, CALLS, RESULT, RESULT], "messages[3].tool_call_id"),
    ([USER, CALLS], "messages[1].tool_calls"),
    ([USER, CALLS, USER], "messages[1].tool_calls"),
    ([USER, CALLS, {"role": "assistant", "content": "b"}], "messages[1].tool_calls"),
])  # fmt: skip
def test_an_invalid_message_is_reported_with_its_path(messages: list[Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        turns_of(*messages)
    assert caught.value.param == param


def test_a_system_message_between_a_call_and_its_result_moves_behind_the_result() -> None:
    turns = turns_of(USER, CALLS, {"role": "system", "content": "s"}, RESULT, mid_conversation_system=True)
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert [block["type"] for block in turns[2]["content"]] == ["tool_result", "text"]


def test_messages_of_one_role_are_merged_and_a_blank_tool_result_has_no_content() -> None:
    turns = turns_of(USER, USER, CALLS, RESULT | {"content": " "}, USER)
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert turns[2]["content"][0] == {"type": "tool_result", "tool_use_id": "1"}


def test_a_conversation_of_system_messages_alone_gets_a_user_turn() -> None:
    assert turns_of({"role": "system", "content": "x"}) == [
        {"role": "user", "content": [{"type": "text", "text": "."}]}
    ]


@pytest.mark.parametrize("file, source", [
    ({"file_data": "data:application/pdf;base64,JVBERi0xLjQK"},
     {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"}),
    ({"file_data": "data:text/csv;base64,YSxi"}, {"type": "text", "media_type": "text/plain", "data": "a,b"}),
    ({"file_url": "https://x.y/a.pdf"}, {"type": "url", "url": "https://x.y/a.pdf"}),
    ({"file_id": "file_011CNha8iCJcU1wXNR6q4V8w"}, {"type": "file", "file_id": "file_011CNha8iCJcU1wXNR6q4V8w"}),
])  # fmt: skip
def test_a_file_becomes_a_document_with_its_title(file: dict[str, Any], source: dict[str, Any]) -> None:
    part = {"type": "file", "file": {**file, "filename": "a.b"}}
    document = {"type": "document", "source": source, "title": "a.b"}
    assert turns_of({"role": "user", "content": [part]})[0]["content"] == [document]
    in_result = turns_of(USER, CALLS, {"role": "tool", "tool_call_id": "1", "content": [part]})[2]["content"]
    assert in_result[0]["content"] == [document]


def test_a_file_at_an_http_url_is_an_unsupported_feature() -> None:
    part = {"type": "file", "file": {"file_url": "http://x.y/a.pdf"}}
    with pytest.raises(InvalidRequestError) as caught:
        turns_of({"role": "user", "content": [part]})
    assert (caught.value.param, caught.value.code) == ("messages[0].content[0].file.file_url", "unsupported_feature")


def test_files_become_documents() -> None:
    pdf = {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0xLjQK", "filename": "a.pdf"}}
    text = {"type": "file", "file": {"file_data": "data:text/plain;base64,aGk="}}
    assert turns_of({"role": "user", "content": [pdf, text]})[0]["content"] == [
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"}, "title": "a.pdf"},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
    ]  # fmt: skip
