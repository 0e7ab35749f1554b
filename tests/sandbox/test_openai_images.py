"""The simulated OpenAI draws one green pixel."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import pytest

from proxy.sandbox.contract import Call, Reply, SimulatedError
from proxy.sandbox.model import PIXEL
from proxy.sandbox.openai import handle
from proxy.sse import decode


def reply(**body: Any) -> Reply:
    data = json.dumps({"prompt": "x", **body}).encode()
    return handle(Call("openai", "POST", "/v1/images/generations", {"Authorization": "Bearer k"}, data))


def test_the_pixel_is_a_valid_png() -> None:
    png = base64.b64decode(PIXEL)
    at = png.index(b"IDAT")
    assert zlib.crc32(png[at : at + 16]) == int.from_bytes(png[at + 16 : at + 20])
    assert zlib.decompress(png[at + 4 : at + 16]) == b"\x00\x2e\x8b\x57"


@pytest.mark.parametrize(
    ("model", "form", "member"),
    [("gpt-image-1", None, "b64_json"), ("dall-e-2", None, "url"), ("dall-e-2", "b64_json", "b64_json")],
)
def test_images_are_urls_or_base64_by_model(model: str, form: str | None, member: str) -> None:
    got = json.loads(reply(model=model, n=2, **({"response_format": form} if form else {})).frames[0])
    assert [list(one) for one in got["data"]] == [[member], [member]]
    assert ("usage" in got) is (model == "gpt-image-1")


def test_a_stream_has_the_parts_that_were_asked_for_and_the_image_with_usage() -> None:
    events = [
        json.loads(decode(frame).data) for frame in reply(model="gpt-image-1", stream=True, partial_images=2).frames
    ]
    kinds = [event["type"].removeprefix("image_generation.") for event in events]
    assert kinds == ["partial_image", "partial_image", "completed"]
    assert [event.get("partial_image_index") for event in events] == [0, 1, None]
    assert all(event["b64_json"] == PIXEL for event in events) and events[-1]["usage"]["total_tokens"] > 0


@pytest.mark.parametrize(("body", "param"), [
    ({"model": "dall-e-3", "n": 2}, "n"), ({"model": "dall-e-2", "stream": True}, "stream"),
    ({"model": "gpt-image-1", "response_format": "url"}, "response_format"),
    ({"model": "gpt-image-1", "partial_images": 1}, "partial_images"),
])  # fmt: skip
def test_what_a_model_does_not_have_is_refused(body: dict[str, Any], param: str) -> None:
    with pytest.raises(SimulatedError) as caught:
        reply(**body)
    assert caught.value.param == param
