from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.mistral.messages import translate_messages
from proxy.errors import InvalidRequestError

PDF = "data:application/pdf;base64,JVBERi0xLjQK"
HELLO = {"role": "user", "content": "hi"}


def call(id: str, name: str = "f", arguments: Any = "{}") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": "42"}


def test_a_call_and_its_result_have_the_same_valid_id() -> None:  # G 41
    ids = ["call_9xkQ0000000000000000", "call_9xkQ0000000000000001"]
    turns = translate_messages(
        [HELLO, {"role": "assistant", "tool_calls": [call(id) for id in ids]}, *map(result, ids)], {}
    )
    sent = [made["id"] for made in turns[1]["tool_calls"]]
    assert [turn["tool_call_id"] for turn in turns[2:]] == sent
    assert len(set(sent)) == 2 and all(len(id) == 9 and id.isalnum() for id in sent)


def test_an_assistant_message_is_inserted_between_a_result_and_the_user() -> None:  # G 42
    turns = translate_messages([HELLO, {"role": "assistant", "tool_calls": [call("a")]}, result("a"), HELLO], {})
    assert [turn["role"] for turn in turns] == ["user", "assistant", "tool", "assistant", "user"]


def test_a_final_assistant_message_is_a_prefix() -> None:
    assert translate_messages([HELLO, {"role": "assistant", "content": "1."}], {})[-1] == {
        "role": "assistant", "content": "1.", "prefix": True,
    }  # fmt: skip


@pytest.mark.parametrize("message, expected", [
    ({"role": "developer", "content": "x"}, {"role": "system", "content": "x"}),
    ({"role": "user", "content": None}, {"role": "user", "content": ""}),
    ({"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}], "refusal": None},
     {"role": "assistant", "content": "no"}),
    ({"role": "assistant", "content": None, "refusal": "no"}, {"role": "assistant", "content": "no"}),
    ({"role": "assistant", "content": "", "tool_calls": None}, None),
    ({"role": "user", "content": [{"type": "image_url", "image_url": "https://x/y.png"}]},
     {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}),
    ({"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]},
     {"role": "user", "content": [{"type": "input_audio", "input_audio": "AAAA"}]}),
    *[({"role": "user", "content": [{"type": "file", "file": file}]}, {"role": "user", "content": [chunk]}) for file, chunk in (
        ({"file_data": PDF, "filename": "a.pdf"}, {"type": "document_url", "document_url": PDF, "document_name": "a.pdf"}),
        ({"file_data": "data:text/csv;base64,YSxi"}, {"type": "text", "text": "a,b"}),
        ({"file_url": "https://x/y.pdf"}, {"type": "document_url", "document_url": "https://x/y.pdf"}),
        ({"file_id": "3b6d45eb"}, {"type": "file", "file_id": "3b6d45eb"}),
    )],
])  # fmt: skip
def test_each_role_is_translated(message: dict[str, Any], expected: dict[str, Any] | None) -> None:
    assert translate_messages([message, HELLO], {})[:-1] == ([expected] if expected else [])


def test_arguments_are_text_and_never_empty() -> None:
    calls = [call("a", arguments=""), call("b", arguments=None), call("c", arguments={"x": 1})]
    turns = translate_messages([HELLO, {"role": "assistant", "tool_calls": calls}], {"f": "f_sent"})
    sent = [made["function"] for made in turns[1]["tool_calls"]]
    assert [function["arguments"] for function in sent] == ["{}", "{}", '{"x":1}']
    assert {function["name"] for function in sent} == {"f_sent"}


@pytest.mark.parametrize("message, param", [
    ("hi", "messages[0].role"), ({"role": "bogus"}, "messages[0].role"), ({"role": ["user"]}, "messages[0].role"),
    ({"role": "assistant", "function_call": {"name": "f"}}, "messages[0].function_call"),
    ({"role": "assistant", "tool_calls": "x"}, "messages[0].tool_calls"),
    ({"role": "assistant", "tool_calls": ["x"]}, "messages[0].tool_calls[0].function.name"),
    ({"role": "assistant", "tool_calls": [{"function": {"name": 5}}]}, "messages[0].tool_calls[0].function.name"),
    ({"role": "tool", "content": "x"}, "messages[0].tool_call_id"),
    ({"role": "user", "content": [{"type": "file"}]}, "messages[0].content[0].file.file_data"),
    ({"role": "user", "content": [{"type": "video"}]}, "messages[0].content[0]"),
    ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0].text"),
    ({"role": "user", "content": [{"type": "input_audio"}]}, "messages[0].content[0].input_audio.data"),
    ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]},
     "messages[0].content[0].image_url.url"),
])  # fmt: skip
def test_unsupported_messages_are_rejected_with_their_path(message: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        translate_messages([message, HELLO], {})
    assert caught.value.param == param


def test_a_conversation_that_ends_with_a_system_message_ends_with_a_user_message() -> None:
    system = {"role": "system", "content": "x"}
    assert translate_messages([system], {}) == [system, {"role": "user", "content": "."}]
    assert translate_messages([HELLO, system], {}) == [HELLO, {"role": "user", "content": "x"}]


def test_a_pdf_is_sent_by_its_url_and_a_text_file_as_text() -> None:
    url = "data:application/pdf;base64,JVBERi0xLjQK"
    pdf = {"type": "file", "file": {"file_data": url, "filename": "a.pdf"}}
    text = {"type": "file", "file": {"file_data": "data:text/plain;base64,aGk="}}
    assert translate_messages([{"role": "user", "content": [pdf, text]}], {})[0]["content"] == [
        {"type": "document_url", "document_url": url, "document_name": "a.pdf"},
        {"type": "text", "text": "hi"},
    ]
