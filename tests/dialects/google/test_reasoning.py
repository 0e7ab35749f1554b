"""How much to reason is a budget before Gemini 3, and a level from then on."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.google.reasoning import thinking_config, unsupported_reasoning


@pytest.mark.parametrize("model, given, config", [
    ("gemini-2.5-flash", {"reasoning_effort": "medium"}, {"thinkingBudget": 8_192, "includeThoughts": True}),
    ("gemini-2.5-flash", {"reasoning_effort": "none"}, {"thinkingBudget": 0}),
    ("gemini-2.5-pro", {"reasoning_effort": "none"}, {"thinkingBudget": 128}),
    ("gemini-2.5-pro", {"reasoning_effort": "xhigh"}, {"thinkingBudget": 32_768, "includeThoughts": True}),
    ("gemini-2.5-flash-lite", {"thinking": {"type": "enabled", "budget_tokens": 100}}, {"thinkingBudget": 512, "includeThoughts": True}),
    ("gemini-3-pro-preview", {"reasoning_effort": "medium"}, {"thinkingLevel": "HIGH", "includeThoughts": True}),
    ("gemini-3.1-pro", {"reasoning_effort": "minimal"}, {"thinkingLevel": "LOW", "includeThoughts": True}),
    ("gemini-flash-latest", {"reasoning_effort": "none"}, {"thinkingLevel": "MINIMAL"}),
    ("gemini-3-flash", {"reasoning": {"effort": "max"}}, {"thinkingLevel": "HIGH", "includeThoughts": True}),
    ("gemini-3-flash", {"reasoning": {"max_tokens": 2000}}, {"thinkingBudget": 2_000, "includeThoughts": True}),
    ("gemini-3-flash", {}, None), ("gemma-3-27b-it", {"reasoning_effort": "none"}, None), ("gemini-2.5-flash-image", {"reasoning_effort": "none"}, None),
])  # fmt: skip
def test_reasoning_becomes_a_budget_or_a_level(model: str, given: dict[str, Any], config: Any) -> None:
    assert thinking_config(given, model) == config


@pytest.mark.parametrize("model, given, unsupported", [
    ("gemini-2.0-flash", {"reasoning_effort": "low"}, ["reasoning_effort"]), ("gemini-2.0-flash", {"reasoning_effort": "none"}, []),
    ("gemma-3-27b-it", {"reasoning": {"effort": "low"}}, ["reasoning"]), ("gemini-3-pro", {"reasoning_effort": "odd"}, ["reasoning_effort"]),
    ("gemini-3-pro", {"reasoning_effort": "low"}, []),
])  # fmt: skip
def test_reasoning_of_a_model_that_does_not_is_unsupported(
    model: str, given: dict[str, Any], unsupported: list[str]
) -> None:
    assert unsupported_reasoning(given, model) == unsupported
