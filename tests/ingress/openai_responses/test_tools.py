"""Tools as functions, and calls of these functions as calls of the tools."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidRequestError
from proxy.ingress.openai_responses.tools import caller_tools
from tests.ingress.openai_responses.oracles import TOOLS, to_hub

F = {"type": "function", "name": "f"}
WEB = {"type": "web_search"}


@pytest.mark.parametrize("members, param, code", [
    ({"tools": 5}, "tools", "invalid_request"),
    ({"tools": [5]}, "tools[0]", "invalid_request"),
    ({"tools": [{"name": "f"}]}, "tools[0]", "invalid_request"),
    ({"tools": [{"type": "function"}]}, "tools[0].name", "invalid_request"),
    ({"tools": [F, {"type": "custom", "name": "f"}]}, "tools[1].name", "invalid_request"),
    ({"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "function"}]}]}, "tools[0].tools[0].name",
     "invalid_request"),
    ({"tools": [F], "tool_choice": "any"}, "tool_choice", "invalid_request"),
    ({"tools": [F], "tool_choice": {"type": "function"}}, "tool_choice.name", "invalid_request"),
    ({"tools": [F], "tool_choice": {"type": "allowed_tools"}}, "tool_choice.tools", "invalid_request"),
    ({"tools": [F, WEB], "tool_choice": {"type": "web_search"}}, "tool_choice", "unsupported_feature"),
    ({"tools": [WEB], "tool_choice": "required"}, "tool_choice", "unsupported_feature"),
])  # fmt: skip
def test_a_tool_that_cannot_be_expressed_is_named(members: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        to_hub(**members)
    assert (caught.value.param, caught.value.code) == (param, code)


def test_a_tool_that_the_provider_runs_is_left_out_and_named() -> None:
    hub = to_hub(tools=[WEB, F, WEB, {"type": "file_search"}])
    assert hub.hosted_tools == ("web_search", "file_search")
    assert [tool["function"]["name"] for tool in hub.body["tools"]] == ["f"]


def test_without_a_tool_that_the_caller_runs_there_is_no_choice() -> None:
    body = to_hub(tools=[WEB], tool_choice="auto").body
    assert "tools" not in body and "tool_choice" not in body


def test_the_tools_of_a_request_are_known_by_the_names_of_their_functions() -> None:
    tools = caller_tools(TOOLS)
    assert {name: (tool.namespace, tool.name, tool.is_custom) for name, tool in tools.items()} == {
        "f": ("", "f", False),
        "note": ("", "note", True),
        "agents__close": ("agents", "close", False),
    }
