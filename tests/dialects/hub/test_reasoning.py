"""What a request asks for in the way of reasoning, whichever member says so."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.reasoning import Reasoning, asked_params, nearest_effort, requested_reasoning


@pytest.mark.parametrize("body, expected", [
    ({}, None), ({"reasoning_effort": "xhigh"}, Reasoning("xhigh")), ({"reasoning_effort": None}, None), ({"reasoning_effort": "odd"}, None),
    ({"reasoning": {"effort": "low"}}, Reasoning("low")), ({"reasoning": {"max_tokens": 2000}}, Reasoning("medium", 2000)),
    ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, Reasoning("low", 1024)), ({"thinking": {"type": "disabled"}}, Reasoning("none")),
    ({"thinking": {"type": "enabled", "budget_tokens": 32_000}, "reasoning_effort": "low"}, Reasoning("low", 32_000)),
    ({"thinking": {"type": "adaptive"}}, Reasoning("high")), ({"thinking": {"type": "enabled"}}, Reasoning("medium")),
    ({"thinking": True, "reasoning": [1]}, None), ({"thinking": {"budget_tokens": True}}, None),
])  # fmt: skip
def test_reasoning_is_an_effort_and_perhaps_a_budget(body: dict[str, Any], expected: Reasoning | None) -> None:
    assert requested_reasoning(body) == expected


def test_parameters_that_turn_reasoning_off_ask_for_nothing() -> None:
    assert asked_params({"reasoning_effort": "none", "thinking": {}}) == []
    assert asked_params({"reasoning_effort": "low", "thinking": None, "n": 1}) == ["reasoning_effort"]


@pytest.mark.parametrize("effort, nearest", [("none", "low"), ("low", "low"), ("medium", "low"), ("max", "high")])
def test_the_nearest_effort_is_the_strongest_not_above_it(effort: str, nearest: str) -> None:
    assert nearest_effort(effort, ("low", "high")) == nearest
