"""Parts become the hub's content parts."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidRequestError
from proxy.ingress.gemini.parts import content_of_parts, is_known, kind_of, to_part


def file(name: str, data: str) -> dict[str, Any]:
    return {"type": "file", "file": {"filename": name, "file_data": data}}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"text": "Hi", "thoughtSignature": "s"}, {"type": "text", "text": "Hi"}),
        ({"text": ""}, None),
        ({"thoughtSignature": "s"}, None),
        (
            {"inlineData": {"mime_type": "image/webp", "data": "-_8="}},
            {"type": "image_url", "image_url": {"url": "data:image/webp;base64,+/8="}},
        ),
        (
            {"inlineData": {"mimeType": "audio/mpeg", "data": "AA=="}},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}},
        ),
        ({"inlineData": {"mimeType": "text/plain", "data": "SGk="}}, file("file.plain", "data:text/plain;base64,SGk=")),
        (
            {"inlineData": {"mimeType": "application/pdf", "data": "SGk=", "display_name": "a.pdf"}},
            file("a.pdf", "data:application/pdf;base64,SGk="),
        ),
        (
            {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a"}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a"}},
        ),
        ({"fileData": {"file_uri": "https://example.com/a"}}, file("file.pdf", "https://example.com/a")),
        ({"executableCode": {"language": "PYTHON", "code": "1"}}, {"type": "text", "text": "\n```python\n1\n```\n"}),
        ({"codeExecutionResult": {"output": "1"}}, {"type": "text", "text": "\n```\n1\n```\n"}),
        ({"newKind": {}}, None),
    ],
)
def test_a_part(part: dict[str, Any], expected: Any) -> None:
    assert to_part(part, "p") == expected


def test_the_kind_is_the_member_that_is_no_option() -> None:
    assert kind_of({"thoughtSignature": "s", "videoMetadata": {}, "fileData": {}}) == "fileData"
    assert kind_of({"thought": True}) == "" and is_known("text") and not is_known("toolCall")


@pytest.mark.parametrize(
    "uri",
    [
        "https://generativelanguage.googleapis.com/v1beta/files/a",
        "https://www.youtube.com/watch?v=a",
        "gs://bucket/a",
        "http://example.com/a",
        "https://[",
        "files/a",
    ],
)
def test_a_file_that_only_google_can_read_is_an_unsupported_feature(uri: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        to_part({"fileData": {"fileUri": uri}}, "p")
    assert (raised.value.code, raised.value.param) == ("unsupported_feature", "p.fileData.fileUri")


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"text": 5}, "p.text"),
        ({"inlineData": 5}, "p.inlineData"),
        ({"inlineData": {"data": "AA=="}}, "p.inlineData.mimeType"),
        ({"inlineData": {"mimeType": "image/png"}}, "p.inlineData.data"),
        ({"fileData": {}}, "p.fileData.fileUri"),
    ],
)
def test_the_error_for_a_malformed_part_names_it(part: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        to_part(part, "p")
    assert raised.value.param == param


def test_one_text_is_a_string() -> None:
    text = {"type": "text", "text": "a"}
    assert content_of_parts([text]) == "a" and content_of_parts([text, text]) == [text, text]
