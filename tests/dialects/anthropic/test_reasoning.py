"""How much to reason is a budget, an effort or a switch, by the model. The golden files show the requests."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.anthropic.reasoning import plan_thinking


@pytest.mark.parametrize("model, effort, member, sent_effort", [
    ("claude-opus-4-5", "medium", {"type": "enabled", "budget_tokens": 2_048}, None), ("claude-opus-4-5", "none", None, None),
    ("claude-opus-4-6", "minimal", {"type": "adaptive"}, "low"), ("claude-opus-4-6", "none", {"type": "disabled"}, None),
    ("claude-opus-5", "max", {"type": "adaptive", "display": "summarized"}, "max"), ("claude-sonnet-5", "none", {"type": "disabled"}, None),
    ("claude-mythos-5", "none", None, "low"), ("claude-new-9", "none", None, "low"), ("claude-3-haiku-20240307", "none", None, None),
])  # fmt: skip
def test_an_effort_is_expressed_as_the_model_takes_it(
    model: str, effort: str, member: Any, sent_effort: str | None
) -> None:
    plan = plan_thinking({"messages": [], "reasoning_effort": effort}, model, forces_tool=False)
    assert (plan.member, plan.effort, plan.dropped) == (member, sent_effort, ())
    assert plan.is_on is ((member is not None and effort != "none") or sent_effort is not None)


@pytest.mark.parametrize("body, forces_tool", [
    ({"max_tokens": 1_500}, False), ({}, True), ({"messages": [{"role": "assistant", "content": "And"}]}, False),
    ({"messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}, {"role": "tool", "tool_call_id": "a"}]}, False),
])  # fmt: skip
def test_thinking_is_off_where_it_does_not_fit(body: dict[str, Any], forces_tool: bool) -> None:
    plan = plan_thinking(
        {"messages": [], "reasoning_effort": "low", **body}, "claude-sonnet-4-5", forces_tool=forces_tool
    )
    assert (plan.member, plan.is_on, plan.dropped) == (None, False, ("reasoning_effort",))


@pytest.mark.parametrize("budget, limit, sent", [(500, None, 1_024), (8_000, 9_000, 8_000), (8_000, 8_000, 4_000)])
def test_a_budget_leaves_room_for_the_answer(budget: int, limit: int | None, sent: int) -> None:
    body = {"messages": [], "thinking": {"type": "enabled", "budget_tokens": budget}, "max_tokens": limit}
    plan = plan_thinking(body, "claude-sonnet-4-5", forces_tool=False)
    assert plan.member == {"type": "enabled", "budget_tokens": sent} and plan.restricts
