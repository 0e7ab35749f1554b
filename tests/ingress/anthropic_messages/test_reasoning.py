"""A budget or an effort becomes the hub's effort; whether the answer shows its thinking stays the caller's choice."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.ingress.anthropic_messages.reasoning import reasoning_effort, thinking_display


@pytest.mark.parametrize(
    ("thinking", "effort", "expected"),
    [
        (None, None, None),
        (None, "high", None),
        ({"type": "disabled"}, "high", None),
        ({"type": "adaptive"}, None, "medium"),
        ({"type": "adaptive"}, "xhigh", "xhigh"),
        ({"type": "adaptive"}, "unheard-of", "medium"),
        ({"type": "between_tools"}, "low", "low"),
        ({"type": "enabled", "budget_tokens": 1024}, None, "low"),
        ({"type": "enabled", "budget_tokens": 8192}, None, "medium"),
        ({"type": "enabled", "budget_tokens": 8193}, None, "high"),
        ({"type": "enabled", "budget_tokens": "many"}, None, "medium"),
    ],
)
def test_the_effort(thinking: Any, effort: str | None, expected: str | None) -> None:
    assert reasoning_effort({"thinking": thinking, "output_config": {"effort": effort}}) == expected


@pytest.mark.parametrize(
    ("thinking", "expected"),
    [
        (None, None),
        ({"type": "disabled"}, None),
        ({"type": "adaptive"}, "summarized"),
        ({"type": "enabled", "budget_tokens": 2000, "display": "omitted"}, "omitted"),
    ],
)
def test_how_thinking_is_shown(thinking: Any, expected: str | None) -> None:
    assert thinking_display({"thinking": thinking}) == expected
