"""A conversation becomes contents that Gemini takes, or the part that cannot is named."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.google.contents import conversation
from proxy.dialects.google.tables import SKIP_SIGNATURE_VALIDATOR
from proxy.errors import InvalidRequestError

USER = {"role": "user", "content": "Hi"}
PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="


def called(*ids: str, **more: Any) -> dict[str, Any]:
    calls = [{"id": id, "type": "function", "function": {"name": f"f_{id}", "arguments": "{}"}} for id in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls, **more}


def result(id: str, content: Any = "ok") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": content}


def contents(*messages: Any, generation: int = 2) -> list[dict[str, Any]]:
    return conversation(list(messages), {}, generation)[1]


def texts(*messages: Any) -> list[tuple[str, list[str]]]:
    return [(content["role"], [part["text"] for part in content["parts"]]) for content in contents(*messages)]


def test_a_conversation_of_a_system_message_alone_still_has_contents() -> None:
    system, said = conversation([{"role": "system", "content": "Be."}], {}, 2)
    assert system == [{"text": "Be."}]
    assert said == [{"role": "user", "parts": [{"text": " "}]}]


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([{"role": "assistant", "content": "a"}], [("user", [" "]), ("model", ["a"])]),
        ([USER, {"role": "user", "content": "b"}], [("user", ["Hi", "b"])]),
        ([USER, {"role": "assistant", "content": ""}, USER], [("user", ["Hi", "Hi"])]),
        ([USER, {"role": "assistant", "content": None, "refusal": "no"}], [("user", ["Hi"]), ("model", ["no"])]),
        (
            [USER, {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}],
            [("user", ["Hi"]), ("model", ["no"])],
        ),
        ([USER, {"role": "assistant", "content": "pre"}], [("user", ["Hi"]), ("model", ["pre"])]),
        ([USER, {"role": "developer", "content": "now"}], [("user", ["Hi", "now"])]),
        ([{"role": "system", "content": ""}, {"role": "user", "content": ""}], [("user", [" "])]),
        ([{"role": "user", "content": None}], [("user", [" "])]),
    ],
)
def test_the_user_begins_and_roles_alternate(messages: list[Any], said: Any) -> None:
    assert texts(*messages) == said


def test_a_user_message_with_only_an_image_gets_a_text() -> None:
    parts = contents({"role": "user", "content": [{"type": "image_url", "image_url": {"url": PNG}}]})[0]["parts"]
    assert [list(part) for part in parts] == [["inlineData"], ["text"]]


def test_two_results_in_two_messages_are_one_content_in_the_order_of_the_calls() -> None:
    said = contents(USER, called("a", "b"), result("b"), result("a"), USER)
    assert [content["role"] for content in said] == ["user", "model", "user", "user"]
    assert [part["functionResponse"]["name"] for part in said[2]["parts"]] == ["f_a", "f_b"]


def test_results_of_two_rounds_stay_apart_even_with_the_same_ids() -> None:
    said = contents(USER, called("a"), result("a", "1"), called("a"), result("a", "2"))
    assert [part["functionResponse"]["response"]["output"] for at in (2, 4) for part in said[at]["parts"]] == ["1", "2"]


@pytest.mark.parametrize(
    ("content", "response"),
    [
        ("42", {"output": "42"}),
        ("[1,2]", {"output": [1, 2]}),
        ('{"a":1}', {"a": 1}),
        ("warm", {"output": "warm"}),
        ("", {"output": ""}),
        ([{"type": "text", "text": '{"a":'}, {"type": "text", "text": "1}"}], {"a": 1}),
    ],
)
def test_a_result_is_an_object_always(content: Any, response: Any) -> None:
    assert contents(USER, called("a"), result("a", content))[2]["parts"][0]["functionResponse"]["response"] == response


def test_a_signature_that_came_with_a_call_goes_back_with_it() -> None:
    message = called("a", "b")
    message["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "c2ln"}}
    for generation in (2, 3):
        parts = contents(USER, message, generation=generation)[1]["parts"]
        assert [part.get("thoughtSignature") for part in parts] == ["c2ln", None]


@pytest.mark.parametrize(("generation", "signatures"), [(2, [None, None]), (3, [SKIP_SIGNATURE_VALIDATOR, None])])
def test_a_call_that_gemini_did_not_make_is_signed_as_foreign_from_gemini_3(generation: int, signatures: Any) -> None:
    parts = contents(USER, called("a", "b", extra_content="?"), generation=generation)[1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == signatures


@pytest.mark.parametrize(("generation", "id"), [(2, None), (3, "a")])
def test_calls_have_ids_from_gemini_3(generation: int, id: str | None) -> None:
    said = contents(USER, called("a"), result("a"), generation=generation)
    assert said[1]["parts"][0]["functionCall"].get("id") == id
    assert said[2]["parts"][0]["functionResponse"].get("id") == id


def image(url: str) -> dict[str, Any]:
    return {
        "role": "user",
        "content": [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": url}}],
    }


@pytest.mark.parametrize(
    ("url", "part"),
    [
        (PNG, {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgoAAAANSUhEUg=="}}),
        ("gs://b/a.jpg", {"fileData": {"fileUri": "gs://b/a.jpg", "mimeType": "image/jpeg"}}),
        ("https://youtu.be/x", {"fileData": {"fileUri": "https://youtu.be/x"}}),
    ],
)
def test_pictures_go_inline_or_by_a_name_that_google_knows(url: str, part: Any) -> None:
    assert contents(image(url))[0]["parts"][1] == part


AT_IMAGE = "messages[0].content[1].image_url.url"


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([image("https://example.com/a.png")], AT_IMAGE),
        ([image("http://169.254.169.254/latest")], AT_IMAGE),
        ([image("https://generativelanguage.googleapis.com@evil.com/a")], AT_IMAGE),
        ([image("https://[")], AT_IMAGE),
        ([image("data:image/png;base64,")], AT_IMAGE),
        (
            [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"format": "wav"}}]}],
            "messages[0].content[0].input_audio",
        ),
        (
            [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}],
            "messages[0].content[0].file.file_id",
        ),
        ([{"role": "user", "content": [{"type": "video"}]}], "messages[0].content[0]"),
        ([USER, called("a"), result("zzz")], "messages[2].tool_call_id"),
        ([USER, called("a"), {"role": "tool", "content": "x"}], "messages[2].tool_call_id"),
        ([{"role": "robot", "content": "x"}], "messages[0].role"),
        (["Hi"], "messages[0].role"),
        ([USER, {"role": "assistant", "tool_calls": "f"}], "messages[1].tool_calls"),
        ([USER, {"role": "assistant", "tool_calls": ["f"]}], "messages[1].tool_calls[0].function.name"),
        ("Hi", "messages"),
    ],
)
def test_what_cannot_be_said_is_named(messages: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        conversation(messages, {}, 2)
    assert caught.value.param == param
