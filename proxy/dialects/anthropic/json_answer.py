"""JSON as the answer of models that have no format for it: the input of a tool that they must call is the text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from proxy.dialects.anthropic.schemas import Schema, object_schema
from proxy.dialects.anthropic.tables import TOOL_NAME, ModelCapabilities
from proxy.dialects.hub.content import invalid_param
from proxy.dialects.hub.response_format import NAME, format_kind, requested_schema
from proxy.dialects.hub.tool_choice import requires_call
from proxy.dialects.names import UniqueNames

AS_TEXT = ""
"""The caller's name, in `ProviderRequest.tool_names`, for the tool whose input is the text of the answer."""
_TOOL = "answer_in_json"
_DESCRIPTION = "Gives the final answer to the user, as JSON."
_ANY_OBJECT: Schema = {"type": "object"}


class AnswerTool(NamedTuple):
    """The tool that stands for the answer."""

    name: str
    schema: Schema

    def add_to(self, members: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request's `tools` and `tool_choice` with this tool: one must be called, this one unless others may be."""
        definition = {"name": self.name, "description": _DESCRIPTION, "input_schema": self.schema}
        given = members.get("tool_choice", {"type": "auto"})
        others_allowed = bool(members.get("tools")) and given["type"] == "auto"
        choice = {**given, "type": "any"} if others_allowed else {"type": "tool", "name": self.name}
        return {"tools": [*members.get("tools", ()), definition], "tool_choice": choice}


def is_native(body: Mapping[str, Any], caps: ModelCapabilities) -> bool:
    """Whether the model has the requested format itself."""
    return format_kind(body) == "text" or (format_kind(body) == "json_schema" and caps.strict_tools)


def can_answer(body: Mapping[str, Any], caps: ModelCapabilities) -> bool:
    """Whether the model can answer in the requested format, by itself or with the tool."""
    return is_native(body, caps) or (bool(format_kind(body)) and caps.forced_tools)


def needs_tool(body: Mapping[str, Any], caps: ModelCapabilities) -> bool:
    """Whether the answer is the input of the tool: not if the model must call one of the caller's tools anyway."""
    return can_answer(body, caps) and not is_native(body, caps) and not requires_call(body.get("tool_choice"))


def answer_tool(body: Mapping[str, Any], caps: ModelCapabilities, taken: Mapping[str, str]) -> AnswerTool | None:
    """Return the tool, under a name that no tool in `taken` has, or None if there is no need for it.

    Raises InvalidRequestError.
    """
    if not needs_tool(body, caps):
        return None
    name = UniqueNames(TOOL_NAME, taken.values()).assign(_TOOL)
    if format_kind(body) == "json_object":
        return AnswerTool(name, _ANY_OBJECT)
    try:
        return AnswerTool(name, object_schema(requested_schema(body)))
    except (TypeError, AttributeError, ValueError, RecursionError) as error:
        raise invalid_param(NAME, "has no JSON Schema, or one nested too deeply") from error
