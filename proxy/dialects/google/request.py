"""Translates an OpenAI chat request into a `generateContent` request to the Gemini Developer API."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any
from urllib.parse import quote

from proxy.dialects.coerce import text_of
from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.google import tables
from proxy.dialects.google.contents import translate_messages
from proxy.dialects.google.reasoning import thinking_config, unsupported_reasoning
from proxy.dialects.google.safety import requested_settings
from proxy.dialects.google.tools import declarations, functions, provider_tool_names, tool_config
from proxy.dialects.google.web_search import search_tools
from proxy.dialects.hub import web_search
from proxy.dialects.hub.content import invalid_param, serialize_request
from proxy.dialects.hub.params import IGNORABLE_PARAMS, check_essential, drop_warnings, is_default
from proxy.dialects.hub.response_format import format_kind, has_tools, requested_schema
from proxy.dialects.hub.token_limit import clamped_limit, limit_warnings, most_tokens
from proxy.dialects.hub.tool_choice import non_function_tools
from proxy.dialects.names import original_names

# v1 does not support systemInstruction and tools for every model. Google documents them for v1beta.
PATHS = {"chat": "/v1beta/models/{model}:{method}"}

_METHODS = {False: "generateContent", True: "streamGenerateContent?alt=sse"}


def build_request(call: CallerRequest) -> ProviderRequest:
    """Build the request. Unsupported parameters are dropped with a warning. Raises InvalidRequestError."""
    body = call.body
    model = call.family or call.model
    generation = tables.generation(model)
    unsupported = unsupported_params(body, model)
    check_essential(unsupported)
    lost = web_search.unexpressed_options(body)
    defined = functions(body)
    provider_names = provider_tool_names(body)
    safety = requested_settings(call)
    system, contents = translate_messages(body.get("messages"), provider_names, generation)
    most = most_tokens(model.removeprefix("models/"), tables.MOST_TOKENS)
    if system and tables.NO_SYSTEM_INSTRUCTION.search(model):
        first, *others = contents
        system, contents = [], [{**first, "parts": [*system, *first["parts"]]}, *others]
    request = {
        "systemInstruction": {"parts": system} if system else None,
        "contents": contents,
        "tools": [*declarations(defined, provider_names, generation), *search_tools(body)],
        "toolConfig": tool_config(body, defined, provider_names),
        "safetySettings": safety.settings,
        "generationConfig": {
            **_generation_config(body, frozenset(unsupported)),
            **_token_limit(body, most),
            **_format(body),
            **_thinking(body, model),
        },
        "serviceTier": tables.SERVICE_TIERS.get(text_of(body.get("service_tier"))),
    }
    return ProviderRequest(
        path=model_path(call),
        body=serialize_request({member: value for member, value in request.items() if value}),
        warnings=drop_warnings((*unsupported, *lost)) + safety.warnings + limit_warnings(body, most),
        tool_names=original_names(provider_names),
        response_options={"searches": True} if web_search.is_requested(body) else {},
    )


def model_path(call: CallerRequest, method: str = "") -> str:
    """Return the path of a method of the target's model, by default of the one that generates content."""
    model = quote(call.model.removeprefix("models/"), safe="")
    return PATHS["chat"].format(model=model, method=method or _METHODS[call.stream])


def unsupported_params(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """Return the requested parameters that Gemini, or this model, does not support."""
    unavailable = _unavailable(body, model)
    supported = (tables.SUPPORTED_PARAMS | IGNORABLE_PARAMS) - unavailable
    names = [name for name, value in body.items() if name not in supported and not is_default(name, value)]
    return (*names, *unsupported_reasoning(body, model), *non_function_tools(body))


def _unavailable(body: Mapping[str, Any], model: str) -> set[str]:
    """Return the parameters this model does not support: `n` in streams, `n` and penalties since Gemini 3.

    Before Gemini 3, JSON cannot be requested together with tools.
    """
    generation = tables.generation(model)
    is_gemini_3 = generation >= tables.GEMINI_3
    unavailable = {
        "n": is_gemini_3 or bool(body.get("stream")),
        "presence_penalty": is_gemini_3,
        "frequency_penalty": is_gemini_3,
        "response_format": not format_kind(body)
        or generation <= tables.LAST_SUBSET_GENERATION
        or (has_tools(body) and not is_gemini_3),
        "service_tier": text_of(body.get("service_tier")) not in tables.SERVICE_TIERS,
        # No model calls functions next to a search, and only Gemini 3 answers in JSON.
        web_search.NAME: bool(tables.NO_SEARCH.search(model))
        or has_tools(body)
        or (format_kind(body) != "text" and not is_gemini_3),
    }
    return {name for name, is_unavailable in unavailable.items() if is_unavailable}


def _generation_config(body: Mapping[str, Any], unsupported: Set[str]) -> dict[str, Any]:
    seed = body.get("seed")
    scalars = {
        "stopSequences": _stop_sequences(body.get("stop")) or None,
        # Gemini's seed is a signed 32-bit integer. Equal seeds stay equal.
        "seed": seed % 2**31 if isinstance(seed, int) else seed,
    }
    for name, provider_name in tables.SCALARS.items():
        if name not in unsupported and not is_default(name, body.get(name)):
            scalars[provider_name] = body.get(name)
    return {name: value for name, value in scalars.items() if value is not None}


def _format(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that request JSON, with the schema if there is one."""
    kind = format_kind(body)
    if kind == "text":
        return {}
    schema = {"responseJsonSchema": requested_schema(body)} if kind == "json_schema" else {}
    return {"responseMimeType": "application/json", **schema}


def _thinking(body: Mapping[str, Any], model: str) -> dict[str, Any]:
    config = thinking_config(body, model)
    return {} if config is None else {"thinkingConfig": config}


def _token_limit(body: Mapping[str, Any], most: int | None) -> dict[str, Any]:
    limit = clamped_limit(body, most)
    return {} if limit is None else {"maxOutputTokens": limit}


def _stop_sequences(stop: Any) -> list[str]:
    sequences = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(sequences, list) or not all(isinstance(text, str) for text in sequences):
        raise invalid_param("stop", "must be a string or a list of strings")
    return [text for text in sequences if text]
