from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.offers import names, offer
from proxy.errors import InvalidRequest

F, G = ({"type": "function", "function": {"name": name}} for name in "fg")


def allowed(mode: Any, *tools: Any) -> dict[str, Any]:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": list(tools)}}


@pytest.mark.parametrize("choice, offered, mode, only", [
    (None, "fg", "auto", None), ("none", "fg", "none", None), ("required", "fg", "required", None),
    (G, "fg", "required", "g"), (allowed("auto", G), "g", "auto", None),
    (allowed("required", F, G), "fg", "required", None),
])  # fmt: skip
def test_tools_and_choice_are_one_offer(choice: Any, offered: str, mode: str, only: str | None) -> None:
    its = offer({"tools": [F, G], "tool_choice": choice})
    assert ("".join(function["name"] for function in its.functions), its.mode, its.only) == (offered, mode, only)


@pytest.mark.parametrize("body, param", [
    ({"tools": "f"}, "tools"), ({"tools": [1]}, "tools[0].type"), ({"tools": [{"type": "custom"}]}, "tools[0].type"),
    ({"tools": [{"type": "function"}]}, "tools[0].function.name"),
    ({"tool_choice": "required"}, "tool_choice"), ({"tool_choice": "any"}, "tool_choice"),
    ({"tool_choice": F}, "tool_choice"),
    ({"tools": [F], "tool_choice": G}, "tool_choice"),
    ({"tools": [F], "tool_choice": allowed("auto", G)}, "tool_choice"),
    ({"tools": [F], "tool_choice": {"type": "allowed_tools"}}, "tool_choice.allowed_tools"),
    ({"tools": [F], "tool_choice": allowed("required")}, "tool_choice.allowed_tools.mode"),
])  # fmt: skip
def test_what_is_not_there_cannot_be_chosen(body: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        offer(body)
    assert caught.value.param == param


def test_names_are_those_offered_then_those_called() -> None:
    messages = [{"role": "user"}, {"tool_calls": [{"function": {"name": "h"}}, {}, 3]}, 4, {"tool_calls": 5}]
    assert names({"tools": [F, G, 6], "messages": messages}) == ["f", "g", "h"]
    assert names({}) == []
