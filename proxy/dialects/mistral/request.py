"""Translates an OpenAI chat request to Mistral's: only the members listed here are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.hub.content import text_content
from proxy.dialects.hub.params import check_essential, drop_warnings, is_default
from proxy.dialects.hub.reasoning import REASONING_PARAMS, asked_params, requested_reasoning
from proxy.dialects.hub.tool_choice import parse_tool_selection, used_tool_names
from proxy.dialects.mistral.messages import translate_messages
from proxy.dialects.mistral.tables import (
    ALWAYS_REASON,
    FORMATS,
    MODES,
    PARAMS,
    PATHS,
    REASON_ON_REQUEST,
    SCHEMA,
    SERVICE_TIERS,
    TOOL_NAME,
)
from proxy.dialects.names import original_names, sanitize_names


def build_request(request: CallerRequest) -> ProviderRequest:
    """Translate the request. Parameters that cannot be expressed are dropped with a warning. Raises InvalidRequestError."""
    body = request.body
    unsupported = unsupported_params(body, request.family or request.model)
    check_essential(unsupported)
    tool_names = sanitize_names(used_tool_names(body), TOOL_NAME)
    members = {
        "model": request.model,
        "messages": translate_messages(body.get("messages"), tool_names),
        **PARAMS.to_provider(body),
        **_tools(body, tool_names),
        "reasoning_effort": _effort(body, request.family or request.model),
        "prediction": _prediction(body.get("prediction")),
        "response_format": _format(body.get("response_format")),
        "service_tier": SERVICE_TIERS.get(text_of(body.get("service_tier"))),
        "stream": request.stream or None,
    }
    return ProviderRequest(
        path=PATHS[request.endpoint],
        body=orjson.dumps({key: value for key, value in members.items() if value is not None}),
        warnings=drop_warnings(unsupported) + PARAMS.clamp_warnings(body),
        tool_names=original_names(tool_names),
    )


def unsupported_params(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """Return the names of the request's parameters that Mistral cannot express."""
    names = PARAMS.unsupported(body)
    unsupported = [
        name for name in names if name != "service_tier" or text_of(body["service_tier"]) not in SERVICE_TIERS
    ]
    shape = body.get("response_format")
    known = is_default("response_format", shape) or object_of(shape).get("type") in FORMATS
    return (*unsupported, *(() if known else ("response_format",)), *_unsupported_reasoning(body, model))


def _unsupported_reasoning(body: Mapping[str, Any], model: str) -> list[str]:
    """Return the parameters that ask for reasoning, where the model does not reason or they ask for something unknown.

    Also those that turn it off where that is not possible.
    """
    reasoning = requested_reasoning(body)
    if ALWAYS_REASON.search(model) and reasoning is not None:
        return [name for name in body if name in REASONING_PARAMS] if reasoning.is_off else []
    can_reason = REASON_ON_REQUEST.search(model) and reasoning is not None
    return [] if can_reason else asked_params(body)


def _effort(body: Mapping[str, Any], model: str) -> str | None:
    reasoning = requested_reasoning(body)
    if reasoning is None or not REASON_ON_REQUEST.search(model):
        return None
    return "none" if reasoning.is_off else "high"


def _tools(body: Mapping[str, Any], tool_names: Mapping[str, str]) -> dict[str, Any]:
    selection = parse_tool_selection(body)
    if not selection.functions:
        return {}
    choice: Any = MODES[selection.mode]
    if selection.forced_name is not None:
        choice = {"type": "function", "function": {"name": tool_names[selection.forced_name]}}
    return {
        "tools": [
            {"type": "function", "function": _function(function, tool_names)} for function in selection.functions
        ],
        "tool_choice": choice if body.get("tool_choice") else None,
        "parallel_tool_calls": body.get("parallel_tool_calls"),
    }


def _function(function: Mapping[str, Any], tool_names: Mapping[str, str]) -> dict[str, Any]:
    """Translate a function. Mistral requires `parameters` even if there are none."""
    members = {
        "name": tool_names[function["name"]],
        "description": function.get("description"),
        "parameters": function.get("parameters") or {"type": "object", "properties": {}},
        "strict": function.get("strict"),
    }
    return {key: value for key, value in members.items() if value is not None}


def _format(shape: Any) -> dict[str, Any] | None:
    """Return the response format with only the members that Mistral accepts, or None for text."""
    if is_default("response_format", shape):
        return None
    schema = {name: value for name, value in object_of(shape.get("json_schema")).items() if name in SCHEMA}
    return {"type": shape["type"], **({"json_schema": schema} if schema else {})}


def _prediction(prediction: Any) -> dict[str, Any] | None:
    if not isinstance(prediction, dict):
        return None
    return {"type": "content", "content": text_content(prediction.get("content"), "prediction.content")}
