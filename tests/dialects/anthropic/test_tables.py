"""Model capabilities are those of the longest matching prefix."""

from __future__ import annotations

import pytest

from proxy.dialects.anthropic.tables import MODELS, ModelCapabilities, finish_reason, is_same_family, model_capabilities


@pytest.mark.parametrize("model, entry", [
    ("claude-opus-4-20250514", "claude-opus-4-2025"),
    ("claude-opus-4-1-20250805", "claude-opus-4-1"),
    ("claude-opus-4-6", "claude-opus-4-6"),
    ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
    ("claude-3-5-sonnet-latest", "claude-3-5-"),
    ("claude-opus-9", "claude-"),
    ("anthropic/claude-haiku-4-5", "claude-haiku-4-5"),
    ("deepseek-chat", ""),
])  # fmt: skip
def test_a_model_has_the_capabilities_of_its_generation(model: str, entry: str) -> None:
    assert model_capabilities(model) is MODELS[entry]


def test_another_table_can_be_given() -> None:
    assert model_capabilities("m-1", {"": ModelCapabilities(1), "m": ModelCapabilities(2)}) == ModelCapabilities(2)


@pytest.mark.parametrize("reason, has_calls, expected", [
    ("tool_use", True, "tool_calls"), ("tool_use", False, "stop"), ("max_tokens", True, "length"), ("new", False, "stop"),
    ("", False, "stop"),
])  # fmt: skip
def test_unknown_stop_reasons_become_stop(reason: str, has_calls: bool, expected: str) -> None:
    assert finish_reason(reason, has_calls=has_calls) == expected


@pytest.mark.parametrize("model, other, same", [
    ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", True), ("us.anthropic.claude-sonnet-4-5", "claude-sonnet-4-5", True),
    ("claude-sonnet-4-5", "claude-sonnet-4-6", False), ("claude-novel-9", "claude-novel-9-20270101", True),
    ("claude-novel-9", "claude-novel-8", False), ("minimax-m2", "kimi-k2", False),
])  # fmt: skip
def test_models_of_one_family_can_use_each_others_signatures(model: str, other: str, same: bool) -> None:
    assert is_same_family(model, other) is same
