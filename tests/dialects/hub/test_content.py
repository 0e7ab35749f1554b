"""Content parts, images and arguments are parsed; an error names the path of an invalid one."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from proxy.dialects.hub.content import Image, arguments_json, content_parts, parse_image, part_text, text_content
from proxy.errors import InvalidRequestError

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(30)).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(30)).decode()


@pytest.mark.parametrize("content, expected", [
    (None, ""), ("a", "a"), ([{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}], "ab"),
])  # fmt: skip
def test_text_and_refusals_are_joined(content: Any, expected: str) -> None:
    assert text_content(content, "messages[0].content") == expected
    assert "".join(part_text(part) or "" for part in content_parts(content, "x")) == expected


@pytest.mark.parametrize("content, where", [
    (1, "c"), (["a"], "c[0]"), ([{"type": "text", "text": "a"}, {}], "c[1]"), ([{"type": "image_url"}], "c[0]"),
    ([{"type": "text"}], "c[0]"),
])  # fmt: skip
def test_other_parts_are_rejected_with_their_path(content: Any, where: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        text_content(content, "c")
    assert caught.value.param == where


@pytest.mark.parametrize("url, expected", [
    ("https://x/y.png", Image("https://x/y.png")),
    (f"data:image/png;base64,{PNG}", Image(f"data:image/png;base64,{PNG}", "image/png", PNG)),
    (f"data:image/png;base64,{JPEG}", Image(f"data:image/jpeg;base64,{JPEG}", "image/jpeg", JPEG)),
    ("data:image/PNG;x=1;base64,AAAA", Image("data:image/png;base64,AAAA", "image/png", "AAAA")),
])  # fmt: skip
def test_an_images_first_bytes_override_the_media_type(url: str, expected: Image) -> None:
    assert parse_image({"type": "image_url", "image_url": {"url": url}}, "p") == expected
    assert parse_image({"type": "image_url", "image_url": url}, "p") == expected


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/", "file:///etc/passwd", "data:image/png,x", "data:image/png;base64,%%é", None]
)
def test_other_urls_are_rejected(url: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_image({"type": "image_url", "image_url": {"url": url}}, "messages[1].content[0]")
    assert caught.value.param == "messages[1].content[0].image_url.url"


@pytest.mark.parametrize(
    "written, expected", [("", {}), ("{}", {}), ('{"a":1}', {"a": 1}), (None, {}), ({"a": 1}, {"a": 1})]
)
def test_arguments_are_parsed(written: Any, expected: dict[str, Any]) -> None:
    sent = arguments_json({"function": {"name": "f", "arguments": written}}, "x")
    assert orjson.loads(orjson.dumps(sent)) == expected


@pytest.mark.parametrize("call, member", [
    ({"function": {"name": "f", "arguments": "{"}}, "arguments"),
    ({"function": {"name": "f", "arguments": "[]"}}, "arguments"),
    ({"function": {}}, "name"),
    ({"type": "custom"}, "name"),
])  # fmt: skip
def test_invalid_arguments_are_rejected_with_their_path(call: Any, member: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        arguments_json(call, "messages[3].tool_calls[1]")
    assert caught.value.param == f"messages[3].tool_calls[1].function.{member}"


def test_arguments_of_too_many_values_are_refused_before_they_are_parsed() -> None:
    call = {"function": {"name": "f", "arguments": '{"a":[' + "{}," * 200_000 + "{}]}"}}
    with pytest.raises(InvalidRequestError, match="x.function.arguments: has over 200000 JSON values"):
        arguments_json(call, "x")
