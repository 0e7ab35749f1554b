"""OpenAI's chat request as Mistral's: nothing goes over that is not named here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.dialects.coerce import object_of
from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.hub.content import text_content
from proxy.dialects.hub.params import check_essential, drop_warnings, is_default
from proxy.dialects.hub.tool_choice import parse_tool_selection, used_tool_names
from proxy.dialects.mistral.messages import translate_messages
from proxy.dialects.mistral.tables import FORMATS, MODES, PARAMS, PATHS, SCHEMA, SERVICE_TIERS, TOOL_NAME
from proxy.dialects.names import original_names, sanitize_names


def build_request(call: CallerRequest) -> ProviderRequest:
    """The request; what it cannot say is left out and named in the warnings. Raises InvalidRequestError."""
    body = call.body
    lost = unsupported_params(body, call.model)
    check_essential(lost)
    told = sanitize_names(used_tool_names(body), TOOL_NAME)
    asked = {
        "model": call.model,
        "messages": translate_messages(body.get("messages"), told),
        **PARAMS.to_provider(body),
        **_tools(body, told),
        "prediction": _prediction(body.get("prediction")),
        "response_format": _format(body.get("response_format")),
        "service_tier": SERVICE_TIERS.get(str(body.get("service_tier"))),
        "stream": call.stream or None,
    }
    return ProviderRequest(
        path=PATHS[call.endpoint],
        body=orjson.dumps({key: value for key, value in asked.items() if value is not None}),
        warnings=drop_warnings(lost) + PARAMS.clamp_warnings(body),
        tool_names=original_names(told),
    )


def unsupported_params(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """The parameters that are asked for and cannot be said."""
    names = PARAMS.unsupported(body)
    lost = [name for name in names if name != "service_tier" or str(body["service_tier"]) not in SERVICE_TIERS]
    shape = body.get("response_format")
    known = is_default("response_format", shape) or object_of(shape).get("type") in FORMATS
    return (*lost, *(() if known else ("response_format",)))


def _tools(body: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, Any]:
    offered = parse_tool_selection(body)
    if not offered.functions:
        return {}
    choice: Any = MODES[offered.mode]
    if offered.forced_name is not None:
        choice = {"type": "function", "function": {"name": told[offered.forced_name]}}
    return {
        "tools": [{"type": "function", "function": _function(function, told)} for function in offered.functions],
        "tool_choice": choice if body.get("tool_choice") else None,
        "parallel_tool_calls": body.get("parallel_tool_calls"),
    }


def _function(function: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, Any]:
    """Parameters are required there, even if there are none."""
    said = {
        "name": told[function["name"]],
        "description": function.get("description"),
        "parameters": function.get("parameters") or {"type": "object", "properties": {}},
        "strict": function.get("strict"),
    }
    return {key: value for key, value in said.items() if value is not None}


def _format(shape: Any) -> dict[str, Any] | None:
    """The same as OpenAI's; None for text."""
    if is_default("response_format", shape):
        return None
    schema = {name: value for name, value in object_of(shape.get("json_schema")).items() if name in SCHEMA}
    return {"type": shape["type"], **({"json_schema": schema} if schema else {})}


def _prediction(prediction: Any) -> dict[str, Any] | None:
    if not isinstance(prediction, dict):
        return None
    return {"type": "content", "content": text_content(prediction.get("content"), "prediction.content")}
