"""OpenAI's chat request as Cohere's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.dialects.cohere.messages import conversation
from proxy.dialects.cohere.tables import MAX_STOP_SEQUENCES, PARAMS, PATHS, TOOL_CHOICE_MODES, TOOL_NAME
from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.hub.content import invalid_param
from proxy.dialects.hub.params import check_essential, drop_warnings
from proxy.dialects.hub.tool_choice import parse_tool_selection, strict_flags, used_tool_names
from proxy.dialects.names import original_names, sanitize_names


def build_request(call: CallerRequest) -> ProviderRequest:
    """The request; what it cannot say is left out and named in the warnings. Raises InvalidRequestError."""
    body = call.body
    lost = unsupported_params(body, call.model)
    check_essential(lost)
    told = sanitize_names(used_tool_names(body), TOOL_NAME)
    asked = {
        "model": call.model,
        "messages": conversation(body.get("messages"), told),
        **_params(body),
        **_tools(body, told),
        "stop_sequences": _stops(body.get("stop")),
        "stream": call.stream,
    }
    return ProviderRequest(
        path=PATHS[call.endpoint],
        body=orjson.dumps({key: value for key, value in asked.items() if value is not None}),
        warnings=drop_warnings(lost) + PARAMS.clamp_warnings(body),
        tool_names=original_names(told),
    )


def unsupported_params(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """The parameters that are asked for and cannot be said."""
    penalty = ("presence_penalty",) if _two_penalties(body) else ()
    return PARAMS.unsupported(body) + penalty + (("strict",) if _some_strict(body) else ())


def _some_strict(body: Mapping[str, Any]) -> bool:
    """Whether some of the tools are strict and others are not: Cohere is strict with all of them or with none."""
    flags, choice = strict_flags(body), body.get("tool_choice")
    named = isinstance(choice, dict) and choice.get("type") == "function"
    return any(flags) and not all(flags) and not named


def _params(body: Mapping[str, Any]) -> dict[str, Any]:
    told = PARAMS.to_provider(body)
    if _two_penalties(body):
        del told["presence_penalty"]
    return told


def _two_penalties(body: Mapping[str, Any]) -> bool:
    """Cohere takes one of the two."""
    values = [body.get(name) for name in ("frequency_penalty", "presence_penalty")]
    return all(isinstance(value, (int, float)) and value > 0 for value in values)


def _stops(stop: Any) -> list[str] | None:
    listed = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(listed, list) or len(listed) > MAX_STOP_SEQUENCES:
        raise invalid_param("stop", f"must be a string or a list of at most {MAX_STOP_SEQUENCES}")
    return listed or None


def _tools(body: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, Any]:
    """A tool that must be called is the only one offered."""
    offered = parse_tool_selection(body)
    functions = [function for function in offered.functions if offered.forced_name in (None, function["name"])]
    if not functions:
        return {}
    return {
        "tools": [{"type": "function", "function": _function(function, told)} for function in functions],
        "tool_choice": TOOL_CHOICE_MODES[offered.mode],
        "strict_tools": all(function.get("strict") for function in functions) or None,
    }


def _function(function: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, Any]:
    said = {"name": told[function["name"]], "description": function.get("description")}
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    return {key: value for key, value in said.items() if value is not None} | {"parameters": parameters}
