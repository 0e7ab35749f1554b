"""The patterns match the models that they are meant for."""

from __future__ import annotations

import pytest

from proxy.dialects.openai.tables import GPT_IMAGE_MODELS, REASONING_MODELS


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("o1", True),
        ("o3-mini", True),
        ("o4-mini-2025-04-16", True),
        ("gpt-5", True),
        ("gpt-5.5", True),
        ("gpt-6.1-sol", True),
        ("gpt-10", True),
        ("gpt-4o", False),
        ("gpt-4.1-mini", False),
        ("gpt-3.5-turbo", False),
        ("omni-moderation-latest", False),
        ("gpt-oss-120b", False),
        ("my-gpt-5", False),
    ],
)
def test_reasoning_models_are_matched_by_the_start_of_their_name(model: str, expected: bool) -> None:
    assert bool(REASONING_MODELS.match(model)) is expected


@pytest.mark.parametrize(("model", "expected"), [("gpt-image-1.5", True), ("dall-e-3", False), ("gpt-4o", False)])
def test_gpt_image_models_are_matched(model: str, expected: bool) -> None:
    assert bool(GPT_IMAGE_MODELS.match(model)) is expected
