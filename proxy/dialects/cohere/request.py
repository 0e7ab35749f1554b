"""Translates an OpenAI chat request into a request to Cohere's v2 chat API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.dialects.coerce import object_of
from proxy.dialects.cohere.messages import translate_messages
from proxy.dialects.cohere.schema import cohere_schema, has_too_many_fields
from proxy.dialects.cohere.tables import (
    MAX_STOP_SEQUENCES,
    MOST_TOKENS,
    PARAMS,
    PATHS,
    REASONING_MODELS,
    TOOL_CHOICE_MODES,
    TOOL_NAME,
)
from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.hub.content import invalid_param
from proxy.dialects.hub.params import check_essential, drop_warnings
from proxy.dialects.hub.reasoning import asked_params, requested_reasoning
from proxy.dialects.hub.response_format import format_kind, has_tools, requested_schema
from proxy.dialects.hub.token_limit import clamped_limit, limit_warnings, most_tokens
from proxy.dialects.hub.tool_choice import parse_tool_selection, strict_flags, used_tool_names
from proxy.dialects.names import original_names, sanitize_names


def build_request(call: CallerRequest) -> ProviderRequest:
    """Build the request. Unsupported parameters are dropped with a warning. Raises InvalidRequestError."""
    body = call.body
    unsupported = unsupported_params(body, call.family or call.model)
    check_essential(unsupported)
    provider_names = sanitize_names(used_tool_names(body), TOOL_NAME)
    most = most_tokens(call.family or call.model, MOST_TOKENS)
    request = {
        "model": call.model,
        "messages": translate_messages(body.get("messages"), provider_names),
        **_params(body),
        "max_tokens": clamped_limit(body, most),
        **_tools(body, provider_names),
        "stop_sequences": _stop_sequences(body.get("stop")),
        "response_format": _format(body),
        "thinking": _thinking(body, call.family or call.model),
        "stream": call.stream,
    }
    return ProviderRequest(
        path=PATHS[call.endpoint],
        body=orjson.dumps({key: value for key, value in request.items() if value is not None}),
        warnings=drop_warnings(unsupported) + PARAMS.clamp_warnings(body) + limit_warnings(body, most),
        tool_names=original_names(provider_names),
    )


def unsupported_params(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """Return the requested parameters that Cohere does not support."""
    penalty = ("presence_penalty",) if _has_two_penalties(body) else ()
    json_with_tools = has_tools(body) and format_kind(body) != "text"
    is_too_large = format_kind(body) == "json_schema" and has_too_many_fields(requested_schema(body))
    shape = ("response_format",) if not format_kind(body) or json_with_tools or is_too_large else ()
    strict = ("strict",) if _has_mixed_strict(body) else ()
    can_reason = REASONING_MODELS.search(model) and requested_reasoning(body) is not None
    return (*PARAMS.unsupported(body), *shape, *penalty, *strict, *(() if can_reason else asked_params(body)))


def _has_mixed_strict(body: Mapping[str, Any]) -> bool:
    """Return whether some tools are strict and others are not. Cohere's `strict_tools` applies to all tools."""
    flags, choice = strict_flags(body), body.get("tool_choice")
    is_forced = isinstance(choice, dict) and choice.get("type") == "function"
    return any(flags) and not all(flags) and not is_forced


def _params(body: Mapping[str, Any]) -> dict[str, Any]:
    params = PARAMS.to_provider(body)
    if _has_two_penalties(body):
        del params["presence_penalty"]
    return params


def _has_two_penalties(body: Mapping[str, Any]) -> bool:
    """Return whether both penalties are set. Cohere accepts only one."""
    values = [body.get(name) for name in ("frequency_penalty", "presence_penalty")]
    return all(isinstance(value, (int, float)) and value > 0 for value in values)


def _format(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the format that requests JSON, with the schema if there is one, or None for text."""
    kind = format_kind(body)
    if kind == "text":
        return None
    schema = {"json_schema": _rewritten(requested_schema(body), "response_format")} if kind == "json_schema" else {}
    return {"type": "json_object", **schema}


def _rewritten(schema: Any, where: str) -> Any:
    try:
        return cohere_schema(schema)
    except (TypeError, AttributeError, RecursionError) as error:
        raise invalid_param(where, "has no JSON Schema, or one nested too deeply") from error


def _thinking(body: Mapping[str, Any], model: str) -> dict[str, Any] | None:
    reasoning = requested_reasoning(body)
    if reasoning is None or not REASONING_MODELS.search(model):
        return None
    if reasoning.is_off:
        return {"type": "disabled"}
    return {"type": "enabled", **({"token_budget": reasoning.budget} if reasoning.budget else {})}


def _stop_sequences(stop: Any) -> list[str] | None:
    sequences = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(sequences, list) or len(sequences) > MAX_STOP_SEQUENCES:
        raise invalid_param("stop", f"must be a string or a list of at most {MAX_STOP_SEQUENCES}")
    return sequences or None


def _tools(body: Mapping[str, Any], provider_names: Mapping[str, str]) -> dict[str, Any]:
    """Translate tools and `tool_choice`. Cohere cannot force one tool by name, so a forced tool is the only one sent."""
    selection = parse_tool_selection(body)
    functions = [function for function in selection.functions if selection.forced_name in (None, function["name"])]
    if not functions:
        return {}
    # A tool without parameters has nothing to enforce, and Cohere rejects it together with `strict_tools`.
    strict = all(function.get("strict") and _has_parameters(function) for function in functions)
    return {
        "tools": [
            {"type": "function", "function": _function(function, provider_names, strict)} for function in functions
        ],
        "tool_choice": TOOL_CHOICE_MODES[selection.mode],
        "strict_tools": strict or None,
    }


def _has_parameters(function: Mapping[str, Any]) -> bool:
    return bool(object_of(function.get("parameters")).get("properties"))


def _function(function: Mapping[str, Any], provider_names: Mapping[str, str], strict: bool) -> dict[str, Any]:
    members = {"name": provider_names[function["name"]], "description": function.get("description")}
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    parameters = _rewritten(parameters, "tools") if strict else parameters
    return {key: value for key, value in members.items() if value is not None} | {"parameters": parameters}
