"""Requests for images and their answers, as far as they are the same for every provider."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.dialects.hub.images import (
    build_images,
    essential_image_params,
    join_images,
    requested_size,
    unsupported_image_params,
)
from tests.dialects.oracles import response_context


@pytest.mark.parametrize("body, essential", [
    ({"prompt": "x", "style": "vivid", "stream": False, "background": "auto"}, {}),
    ({"stream": True, "background": "transparent"}, {"stream": True, "background": "transparent"}),
])  # fmt: skip
def test_essential_parameters_count_where_they_have_an_effect(body: dict[str, Any], essential: dict[str, Any]) -> None:
    assert essential_image_params(body) == essential


def test_parameters_with_an_effect_are_unsupported_unless_they_are_named() -> None:
    body = {
        "model": "m",
        "prompt": "x",
        "n": 2,
        "size": "auto",
        "user": "u",
        "quality": "hd",
        "style": "vivid",
        "output_format": "png",
    }
    assert unsupported_image_params(body) == ("quality", "style")
    assert unsupported_image_params(body, ["quality"]) == ("style",)


def test_a_size_has_two_numbers() -> None:
    assert requested_size({"size": "1024x1536"}) == (1024, 1536) and requested_size({}) is None


def test_answers_to_parts_are_joined_with_the_sum_of_their_usage() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    parts = [orjson.loads(build_images([name], "image/webp", usage, response_context())) for name in "ab"]
    joined = orjson.loads(join_images(orjson.dumps(parts)))
    assert joined["data"] == [{"b64_json": "a"}, {"b64_json": "b"}] and joined["output_format"] == "webp"
    assert joined["usage"] == {
        "input_tokens": 6, "output_tokens": 8, "total_tokens": 14,
        "input_tokens_details": {"text_tokens": 6, "image_tokens": 0},
    }  # fmt: skip
    del parts[0]["usage"]
    assert "usage" not in orjson.loads(join_images(orjson.dumps(parts)))
