"""Messages are translated into valid Gemini contents, or rejected with the path of the invalid part."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.dialects.google.contents import translate_messages
from proxy.dialects.google.tables import SKIP_SIGNATURE_VALIDATOR
from proxy.errors import InvalidRequestError

USER = {"role": "user", "content": "Hi"}
PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="


def assistant_calls(*ids: str, **more: Any) -> dict[str, Any]:
    calls = [{"id": id, "type": "function", "function": {"name": f"f_{id}", "arguments": "{}"}} for id in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls, **more}


def result(id: str, content: Any = "ok") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": content}


def contents(*messages: Any, generation: int = 2) -> list[dict[str, Any]]:
    return translate_messages(list(messages), {}, generation)[1]


def texts(*messages: Any) -> list[tuple[str, list[str]]]:
    return [(content["role"], [part["text"] for part in content["parts"]]) for content in contents(*messages)]


def test_a_system_message_alone_gets_a_blank_user_content() -> None:
    system, translated = translate_messages([{"role": "system", "content": "Be."}], {}, 2)
    assert system == [{"text": "Be."}]
    assert translated == [{"role": "user", "parts": [{"text": " "}]}]


@pytest.mark.parametrize(
    ("messages", "translated"),
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
def test_the_user_comes_first_and_roles_alternate(messages: list[Any], translated: Any) -> None:
    assert texts(*messages) == translated


def test_a_user_message_with_only_an_image_gets_a_blank_text() -> None:
    parts = contents({"role": "user", "content": [{"type": "image_url", "image_url": {"url": PNG}}]})[0]["parts"]
    assert [list(part) for part in parts] == [["inlineData"], ["text"]]


def test_results_in_two_messages_become_one_content_in_the_calls_order() -> None:
    translated = contents(USER, assistant_calls("a", "b"), result("b"), result("a"), USER)
    assert [content["role"] for content in translated] == ["user", "model", "user", "user"]
    assert [part["functionResponse"]["name"] for part in translated[2]["parts"]] == ["f_a", "f_b"]


def test_results_of_two_rounds_stay_separate_even_with_equal_ids() -> None:
    translated = contents(USER, assistant_calls("a"), result("a", "1"), assistant_calls("a"), result("a", "2"))
    assert [
        part["functionResponse"]["response"]["output"] for index in (2, 4) for part in translated[index]["parts"]
    ] == ["1", "2"]


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
def test_a_result_is_always_an_object(content: Any, response: Any) -> None:
    assert sent_result(content) == response


def sent_result(content: Any) -> Any:
    part = contents(USER, assistant_calls("a"), result("a", content))[2]["parts"][0]
    return orjson.loads(orjson.dumps(part))["functionResponse"]["response"]


def test_a_result_of_too_many_values_stays_text() -> None:
    content = "[" + "{}," * 200_000 + "{}]"
    assert sent_result(content) == {"output": content}


def test_a_result_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="nested too deeply"):
        sent_result("[" * 300 + "]" * 300)


def test_a_thought_signature_is_sent_back_with_its_call() -> None:
    message = assistant_calls("a", "b")
    message["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "c2ln"}}
    for generation in (2, 3):
        parts = contents(USER, message, generation=generation)[1]["parts"]
        assert [part.get("thoughtSignature") for part in parts] == ["c2ln", None]


@pytest.mark.parametrize(("generation", "signatures"), [(2, [None, None]), (3, [SKIP_SIGNATURE_VALIDATOR, None])])
def test_since_gemini_3_calls_of_other_models_get_the_skip_signature(generation: int, signatures: Any) -> None:
    parts = contents(USER, assistant_calls("a", "b", extra_content="?"), generation=generation)[1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == signatures


@pytest.mark.parametrize(("generation", "id"), [(2, None), (3, "a")])
def test_calls_have_ids_since_gemini_3(generation: int, id: str | None) -> None:
    translated = contents(USER, assistant_calls("a"), result("a"), generation=generation)
    assert translated[1]["parts"][0]["functionCall"].get("id") == id
    assert translated[2]["parts"][0]["functionResponse"].get("id") == id


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
        ("https://x.y/a.png?s=1", {"fileData": {"fileUri": "https://x.y/a.png?s=1", "mimeType": "image/png"}}),
    ],
)
def test_images_are_sent_inline_or_as_a_uri_that_google_can_read(url: str, part: Any) -> None:
    assert contents(image(url))[0]["parts"][1] == part


AT_IMAGE = "messages[0].content[1].image_url.url"


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([image("https://example.com/a.gif")], AT_IMAGE),
        ([image("http://169.254.169.254/latest")], AT_IMAGE),
        ([image("http://generativelanguage.googleapis.com/a.png")], AT_IMAGE),
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
        ([USER, assistant_calls("a"), result("a"), result("zzz")], "messages[3].tool_call_id"),
        ([USER, {"role": "tool", "content": "x"}], "messages[1].tool_call_id"),
        ([{"role": "robot", "content": "x"}], "messages[0].role"),
        (["Hi"], "messages[0].role"),
        ([USER, {"role": "assistant", "tool_calls": "f"}], "messages[1].tool_calls"),
        ([USER, {"role": "assistant", "tool_calls": ["f"]}], "messages[1].tool_calls[0].function.name"),
        ("Hi", "messages"),
    ],
)
def test_an_invalid_message_is_reported_with_its_path(messages: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        translate_messages(messages, {}, 2)
    assert caught.value.param == param


PICTURE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="
INLINE = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgoAAAANSUhEUg=="}}
SHOT = {
    "role": "tool",
    "tool_call_id": "a",
    "content": [{"type": "text", "text": "done"}, {"type": "image_url", "image_url": {"url": PICTURE}}],
}


def test_a_picture_in_a_tool_result_is_a_part_of_it_since_gemini_3() -> None:
    _, contents = translate_messages([USER, assistant_calls("a"), SHOT], {}, 3)
    (part,) = contents[-1]["parts"]
    assert part["functionResponse"]["response"] == {"output": "done"} and part["functionResponse"]["parts"] == [INLINE]


def test_older_models_get_it_in_the_next_user_content() -> None:
    _, contents = translate_messages([USER, assistant_calls("a", "b"), SHOT, result("b"), USER], {}, 2)
    assert [list(part) for part in contents[-2]["parts"]] == [["functionResponse"], ["functionResponse"]]
    assert contents[-1]["role"] == "user" and INLINE in contents[-1]["parts"]


@pytest.mark.parametrize("text", ['{"a":{"$ref":"#/$defs/City"}}', '[{"\\u0024ref":"x"}]'])
def test_a_result_with_a_reference_is_sent_as_text(text: str) -> None:
    _, contents = translate_messages([USER, assistant_calls("a"), {**result("a"), "content": text}], {}, 3)
    assert contents[-1]["parts"][0]["functionResponse"]["response"] == {"output": text}


@pytest.mark.parametrize("extra, sent", [
    ({"extra_content": {"google": {"thought_signature": "c2ln"}}}, {"thoughtSignature": "c2ln"}), ({}, {}),
    ({"extra_content": {"google": {"thought_signature": "not base64!"}}}, {}), ({"extra_content": "x"}, {}),
])  # fmt: skip
def test_a_signed_text_is_sent_back_with_its_signature(extra: dict[str, Any], sent: dict[str, Any]) -> None:
    _, contents = translate_messages([USER, {"role": "assistant", "content": "yes", **extra}, USER], {}, 3)
    assert contents[1]["parts"] == [{"text": "yes", **sent}]


def test_a_signature_is_sent_once() -> None:
    signed = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
    turn = assistant_calls("a")
    turn = {**turn, **signed, "content": "I look", "tool_calls": [{**turn["tool_calls"][0], **signed}]}
    _, contents = translate_messages([USER, turn, result("a")], {}, 3)
    text, call = contents[1]["parts"]
    assert text == {"text": "I look"} and call["thoughtSignature"] == "c2ln"
