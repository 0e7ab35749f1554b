"""JSON is requested by a tool from models that have no format for it. The golden files show the requests and answers."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.anthropic.json_answer import answer_tool, can_answer
from proxy.dialects.anthropic.tables import model_capabilities
from proxy.errors import InvalidRequestError

JSON: dict[str, Any] = {"response_format": {"type": "json_object"}}
SCHEMA: dict[str, Any] = {
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
}
OLD, NATIVE, NEVER = "claude-opus-4-1", "claude-sonnet-4-6", "claude-opus-5-5"


@pytest.mark.parametrize("body, model, possible, uses_tool", [
    ({}, OLD, True, False), (JSON, OLD, True, True), (SCHEMA, OLD, True, True), (JSON, NATIVE, True, True), (SCHEMA, NATIVE, True, False),
    (JSON, NEVER, False, False), (SCHEMA, NEVER, True, False), ({"response_format": {"type": "xml"}}, OLD, False, False),
    ({**JSON, "tool_choice": "required"}, NATIVE, True, False),
])  # fmt: skip
def test_the_tool_is_used_where_there_is_no_format(
    body: dict[str, Any], model: str, possible: bool, uses_tool: bool
) -> None:
    caps = model_capabilities(model)
    assert can_answer(body, caps) is possible
    assert (answer_tool(body, caps, {}) is not None) is uses_tool


def test_its_name_is_not_that_of_another_tool() -> None:
    tool = answer_tool(JSON, model_capabilities(NATIVE), {"answer_in_json": "answer_in_json"})
    assert tool is not None and tool.name.startswith("answer_in_json_")


@pytest.mark.parametrize("given, choice", [
    ({}, {"type": "tool", "name": "answer_in_json"}), ({"tools": [{}]}, {"type": "any"}),
    ({"tools": [{}], "tool_choice": {"type": "none"}}, {"type": "tool", "name": "answer_in_json"}),
    ({"tools": [{}], "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}, {"type": "any", "disable_parallel_tool_use": True}),
])  # fmt: skip
def test_it_must_be_called_unless_others_may_be(given: dict[str, Any], choice: dict[str, Any]) -> None:
    tool = answer_tool(JSON, model_capabilities(NATIVE), {})
    assert tool is not None
    members = tool.add_to(given)
    assert members["tool_choice"] == choice and len(members["tools"]) == len(given.get("tools", ())) + 1


def test_a_schema_that_is_none_is_reported() -> None:
    body = {"response_format": {"type": "json_schema", "json_schema": {"schema": {"properties": 5, "anyOf": [{}]}}}}
    with pytest.raises(InvalidRequestError):
        answer_tool(body, model_capabilities(OLD), {})
