"""Model capabilities are those of the longest matching prefix."""

from __future__ import annotations

import pytest

from proxy.dialects.anthropic.tables import MODELS, ModelCapabilities, finish_reason, model_capabilities


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


@pytest.mark.parametrize("reason, expected", [("tool_use", "tool_calls"), ("new", "stop"), (None, "stop")])
def test_unknown_stop_reasons_become_stop(reason: str | None, expected: str) -> None:
    assert finish_reason(reason) == expected
