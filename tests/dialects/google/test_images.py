"""Requests for images become conversations in which Gemini draws, and its answers OpenAI's."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
import pytest

from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.google import DIALECT
from proxy.errors import InvalidRequestError, MalformedResponse, UpstreamErrorResponse
from tests.dialects.oracles import corruptions, response_context

OLD, NEW = "gemini-2.5-flash-image", "gemini-3-pro-image-preview"


def build(model: str = NEW, **members: Any) -> ProviderRequest:
    body = {"model": "m", "prompt": "a parrot", **members}
    return DIALECT.build_request(CallerRequest("images", body, orjson.dumps(body), model, False))


def config(request: ProviderRequest) -> Any:
    return orjson.loads(request.body)["generationConfig"].get("imageConfig")


def test_the_prompt_is_a_message_that_is_answered_with_a_picture() -> None:
    built = build(user="u-1", moderation="auto", response_format="b64_json")
    assert built.path == f"/v1beta/models/{NEW}:generateContent" and not built.warnings and not built.parts
    assert orjson.loads(built.body) == {
        "contents": [{"role": "user", "parts": [{"text": "a parrot"}]}],
        "generationConfig": {"responseModalities": ["IMAGE"]},
    }


@pytest.mark.parametrize("size, expected, warnings", [
    ("auto", None, ()), ("1024x1024", "1:1", ()), ("1536x1024", "3:2", ()), ("1024x1536", "2:3", ()),
    ("1792x1024", "16:9", ()), ("1024x1792", "9:16", ()), ("1000x900", "1:1", ("param-clamped;name=size;value=1:1",)),
])  # fmt: skip
def test_a_size_becomes_the_nearest_shape(size: str, expected: str | None, warnings: tuple[str, ...]) -> None:
    built = build(size=size)
    assert config(built) == ({"aspectRatio": expected} if expected else None) and built.warnings == warnings


@pytest.mark.parametrize("model, members, expected, warnings", [
    (NEW, {"quality": "high"}, "2K", ()), (NEW, {"quality": "hd", "size": "4096x4096"}, "4K", ()),
    (NEW, {"size": "2048x2048"}, "2K", ()), (NEW, {"quality": "medium"}, None, ()),
    (OLD, {"size": "2048x2048"}, None, ()), (OLD, {"quality": "high"}, None, ("param-dropped;name=quality",)),
])  # fmt: skip
def test_models_that_have_sizes_draw_larger(model: str, members: Any, expected: Any, warnings: tuple[str, ...]) -> None:
    built = build(model, **members)
    assert (config(built) or {}).get("imageSize") == expected and built.warnings == warnings


def test_several_images_are_several_requests() -> None:
    built = build(n=3, style="vivid")
    assert len(built.parts) == 3 and len({part.body for part in built.parts}) == 1
    assert built.warnings == ("param-dropped;name=style",)


def test_safety_settings_are_sent() -> None:
    setting = {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}
    assert orjson.loads(build(safety_settings=[setting]).body)["safetySettings"] == [setting]


@pytest.mark.parametrize("members, param", [
    ({"stream": True}, "stream"), ({"background": "transparent"}, "background"), ({"n": 11}, "n"), ({"n": "2"}, "n"),
    ({"size": "large"}, "size"), ({"size": "0x10"}, "size"), ({"size": 1024}, "size"), ({"prompt": ["x"]}, "prompt"),
])  # fmt: skip
def test_what_cannot_be_expressed_is_refused(members: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        build(**members)
    assert caught.value.param == param


def answer(*parts: Any, finish: str = "STOP", **members: Any) -> bytes:
    candidate = {"content": {"parts": list(parts)}, "finishReason": finish}
    counts = {"promptTokenCount": 3, "candidatesTokenCount": 1290, "totalTokenCount": 1293}
    return orjson.dumps({"candidates": [candidate], "usageMetadata": counts, **members})


def picture(data: str, **members: Any) -> dict[str, Any]:
    return {"inlineData": {"mimeType": "image/png", "data": data}, **members}


def translate(data: bytes) -> Any:
    return orjson.loads(DIALECT.translate_response(data, response_context(endpoint="images")))


def test_the_last_picture_that_is_no_draft_is_the_image() -> None:
    got = translate(
        answer(picture("AAAA", thought=True), {"text": "Here:"}, picture("BBBB"), picture("CCCC", thought=True))
    )
    assert got["data"] == [{"b64_json": "BBBB"}] and got["output_format"] == "png"
    assert (
        got["usage"]["input_tokens"] == 3
        and got["usage"]["output_tokens"] == 1290
        and got["usage"]["total_tokens"] == 1293
    )


@pytest.mark.parametrize("data, message", [
    (answer(finish="IMAGE_SAFETY", promptFeedback=None), "The image was not generated: IMAGE_SAFETY"),
    (answer({"text": "I cannot draw that."}, finish="NO_IMAGE"), "I cannot draw that."),
    (b'{"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}', "The prompt was blocked: PROHIBITED_CONTENT"),
])  # fmt: skip
def test_a_refusal_is_the_callers_error(data: bytes, message: str) -> None:
    with pytest.raises(UpstreamErrorResponse) as caught:
        translate(data)
    assert (caught.value.status, caught.value.code, caught.value.message) == (400, "content_policy_violation", message)


@pytest.mark.parametrize(
    "data",
    [answer({"text": "Hello"}), b"{}", b"[]", b"{", answer(picture("", x=1)), answer(finish="MALFORMED_RESPONSE")],
)
def test_an_answer_without_a_picture_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedResponse):
        translate(data)


def test_a_corrupted_answer_raises_nothing_but_errors_of_the_provider() -> None:
    for corrupted in corruptions(orjson.loads(answer({"text": "Here:"}, picture("BBBB")))):
        with suppress(MalformedResponse, UpstreamErrorResponse):
            translate(orjson.dumps(corrupted))


def test_a_corrupted_request_raises_nothing_but_invalid_request() -> None:
    members = {
        "n": 2,
        "size": "1024x1024",
        "quality": "high",
        "background": "auto",
        "stream": False,
        "safety_settings": [],
    }
    for corrupted in corruptions({"prompt": "a parrot", **members}):
        if isinstance(corrupted, dict):
            with suppress(InvalidRequestError):
                DIALECT.build_request(CallerRequest("images", corrupted, orjson.dumps(corrupted), NEW, False))
