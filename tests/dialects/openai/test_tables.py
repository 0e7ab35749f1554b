"""Which of OpenAI's models are meant by which row."""

from __future__ import annotations

import pytest

from proxy.dialects.openai.tables import GPT_IMAGE_MODELS, REASONING_MODELS


@pytest.mark.parametrize(
    ("model", "counts"),
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
def test_models_that_think_count_their_thoughts(model: str, counts: bool) -> None:
    assert bool(REASONING_MODELS.match(model)) is counts


@pytest.mark.parametrize(("model", "is_one"), [("gpt-image-1.5", True), ("dall-e-3", False), ("gpt-4o", False)])
def test_the_successors_of_dall_e_are_known(model: str, is_one: bool) -> None:
    assert bool(GPT_IMAGE_MODELS.match(model)) is is_one
