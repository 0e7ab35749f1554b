"""Turns every form that OpenAI's requests have for tools into functions of `tools`: `functions`, and tools of type `custom`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from proxy.dialects.coerce import object_of, objects_of, text_of
from proxy.dialects.hub.content import invalid_param
from proxy.dialects.hub.custom_tools import custom_arguments, custom_function

FUNCTIONS, FUNCTION_CALL, CUSTOM = "functions", "function_call", "custom"
OLD_MEMBERS = (FUNCTIONS, FUNCTION_CALL)
"""Members of a request that `tools` and `tool_choice` have replaced."""

TOOL_MARK, CUSTOM_MARK = b'"function', b'"custom"'
"""One of them is in the bytes of every request with tools, or with calls in its history."""

Members = dict[str, Any]


class ToolForms(Struct, frozen=True):
    """The forms in which the answer must have its calls."""

    is_legacy: bool = False
    """Whether a call is the member `function_call`, as for `functions`."""
    custom: frozenset[str] = frozenset()
    """Names of the custom tools."""


FUNCTIONS_ONLY = ToolForms()


def as_functions(body: Mapping[str, Any]) -> tuple[Members, ToolForms]:
    """Return the members of a chat request that change, {} if none does, and the forms of its tools.

    OLD_MEMBERS are not removed. Raises InvalidRequestError for a malformed tool.
    """
    listed, legacy = body.get("tools"), body.get(FUNCTIONS)
    custom = frozenset(_custom_names(objects_of(listed)))
    changes: Members = {}
    if custom or legacy:
        tools = [_function_tool(tool, f"tools[{index}]") for index, tool in enumerate(_listed(listed, "tools"))]
        changes["tools"] = tools + _legacy_tools(legacy)
    if (choice := _choice(body)) != body.get("tool_choice"):
        changes["tool_choice"] = choice
    if legacy and "parallel_tool_calls" not in body:
        changes["parallel_tool_calls"] = False  # there is one `function_call`
    messages = body.get("messages")
    if isinstance(messages, list) and any(map(_has_other_form, messages)):
        changes["messages"] = _History().translate(messages)
    return changes, ToolForms(bool(legacy), custom) if custom or legacy else FUNCTIONS_ONLY


def _custom_names(tools: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for tool in tools:
        if tool.get("type") == CUSTOM and isinstance(name := object_of(tool.get(CUSTOM)).get("name"), str):
            yield name


def _legacy_tools(functions: Any) -> list[Members]:
    named = [_named(each, f"{FUNCTIONS}[{index}]") for index, each in enumerate(_listed(functions, FUNCTIONS))]
    return [{"type": "function", "function": function} for function in named]


def _listed(value: Any, where: str) -> list[Any]:
    """Return a list, [] for a missing one. Raises InvalidRequestError for anything else."""
    if not isinstance(value or [], list):
        raise invalid_param(where, "must be a list")
    return value or []


def _named(value: Any, where: str) -> Members:
    """Return an object that has a name. Raises InvalidRequestError for anything else."""
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise invalid_param(f"{where}.name", "must be a string")
    return value


def _function_tool(tool: Any, where: str) -> Any:
    if object_of(tool).get("type") != CUSTOM:
        return tool
    members = object_of(tool.get(CUSTOM))
    if not isinstance(members.get("name"), str):
        raise invalid_param(f"{where}.{CUSTOM}.name", "must be a string")
    function = custom_function(members.get("description"), object_of(members.get("format")).get("grammar"))
    return {"type": "function", "function": {"name": members["name"], **function}}


def _choice(body: Mapping[str, Any]) -> Any:
    """Return the `tool_choice` of the request, which may be in `function_call`."""
    choice, legacy = body.get("tool_choice"), body.get(FUNCTION_CALL)
    if choice is None and legacy is not None:
        return {"type": "function", "function": _named(legacy, FUNCTION_CALL)} if isinstance(legacy, dict) else legacy
    allowed = object_of(object_of(choice).get("allowed_tools"))
    if not isinstance(allowed.get("tools"), list):
        return _named_function(choice)
    tools = [_named_function(tool) for tool in allowed["tools"]]
    return {"type": "allowed_tools", "allowed_tools": {**allowed, "tools": tools}}


def _named_function(choice: Any) -> Any:
    """Return the choice of a custom tool as that of its function."""
    if object_of(choice).get("type") != CUSTOM:
        return choice
    return {"type": "function", "function": choice.get(CUSTOM)}


def _has_other_form(message: Any) -> bool:
    members = object_of(message)
    calls = objects_of(members.get("tool_calls"))
    return members.get("role") == "function" or bool(members.get(FUNCTION_CALL)) or any(map(_is_custom, calls))


def _is_custom(call: Mapping[str, Any]) -> bool:
    return call.get("type") == CUSTOM


class _History:
    """Translates the messages of a conversation. Calls of the older form get ids, the same in every turn."""

    def __init__(self) -> None:
        self._open: dict[str, str] = {}
        """Name of a function -> id of its last call."""

    def translate(self, messages: list[Any]) -> list[Any]:
        """Return the messages. Those without another form stay the same objects."""
        return [
            self._message(message, index) if _has_other_form(message) else message
            for index, message in enumerate(messages)
        ]

    def _message(self, message: Members, index: int) -> Members:
        if message.get("role") == "function":
            id = self._open.get(text_of(message.get("name")), f"call_{index}")
            kept = {name: value for name, value in message.items() if name != "name"}
            return {**kept, "role": "tool", "tool_call_id": id}
        kept = {name: value for name, value in message.items() if name != FUNCTION_CALL}
        where = f"messages[{index}]"
        calls = [_function_call(call) for call in _listed(message.get("tool_calls"), f"{where}.tool_calls")]
        if legacy := message.get(FUNCTION_CALL):
            id = f"call_{index}"
            self._open[_named(legacy, f"{where}.{FUNCTION_CALL}")["name"]] = id
            calls.append({"id": id, "type": "function", "function": legacy})
        return {**kept, "tool_calls": calls}


def _function_call(call: Any) -> Any:
    """Return the call of a custom tool as that of its function."""
    if object_of(call).get("type") != CUSTOM:
        return call
    members = object_of(call.get(CUSTOM))
    arguments = custom_arguments(text_of(members.get("input")))
    kept = {name: value for name, value in call.items() if name != CUSTOM}
    return {**kept, "type": "function", "function": {"name": members.get("name"), "arguments": arguments}}
