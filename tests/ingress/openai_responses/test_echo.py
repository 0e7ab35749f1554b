"""A response repeats the members of its request."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.ingress.openai_responses.echo import echoed_members
from tests.ingress.openai_responses.oracles import to_hub


@pytest.mark.parametrize("members", [
    {"temperature": 0.5}, {"instructions": "Be brief."}, {"metadata": {"a": "b"}}, {"store": False}, {"top_logprobs": 2},
    {"tool_choice": {"type": "function", "name": "f"}, "tools": [{"type": "function", "name": "f"}]},
])  # fmt: skip
def test_what_the_request_has_is_repeated(members: dict[str, Any]) -> None:
    echo = to_hub(**members).echo
    assert all(echo[name] == value or name == "tools" for name, value in members.items())


def test_what_it_has_not_is_the_default() -> None:
    echo = echoed_members({"reasoning": {"effort": "low"}, "text": {"verbosity": "low"}, "temperature": None})
    assert (echo["temperature"], echo["store"], echo["tools"]) == (1.0, True, [])
    assert echo["reasoning"] == {"effort": "low", "summary": None}
    assert echo["text"] == {"format": {"type": "text"}, "verbosity": "low"}


def test_a_function_has_the_members_that_clients_expect() -> None:
    (tool,) = echoed_members({"tools": [{"type": "function", "name": "f"}]})["tools"]
    assert tool == {"type": "function", "name": "f", "description": None, "parameters": None, "strict": None}
