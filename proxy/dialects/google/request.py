"""A chat request as `generateContent`, of the Gemini Developer API."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any
from urllib.parse import quote

from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.google import tables
from proxy.dialects.google.contents import conversation
from proxy.dialects.google.safety import SafetySettings, parse_body_member
from proxy.dialects.google.tools import declarations, functions, provider_tool_names, tool_config
from proxy.dialects.hub.content import invalid_param, serialize_request
from proxy.dialects.hub.params import IGNORABLE_PARAMS, check_essential, drop_warnings, is_default
from proxy.dialects.hub.tool_choice import non_function_tools
from proxy.dialects.names import original_names

# v1 has neither systemInstruction nor tools for every model; v1beta is what Google documents them under.
PATHS = {"chat": "/v1beta/models/{model}:{method}"}

_METHODS = {False: "generateContent", True: "streamGenerateContent?alt=sse"}


def build_request(call: CallerRequest) -> ProviderRequest:
    """The whole request; what Gemini cannot express is left out, and named in the warnings."""
    body = call.body
    generation = tables.generation(call.model)
    lost = unsupported_params(body, call.model)
    check_essential(lost)
    defined = functions(body)
    names = provider_tool_names(body, defined)
    safety = _safety(call)
    system, contents = conversation(body.get("messages"), names, generation)
    wire = {
        "systemInstruction": {"parts": system} if system else None,
        "contents": contents,
        "tools": declarations(defined, names, generation),
        "toolConfig": tool_config(body, defined, names),
        "safetySettings": safety.settings,
        "generationConfig": _generation_config(body, frozenset(lost)),
        "serviceTier": tables.SERVICE_TIERS.get(str(body.get("service_tier"))),
    }
    return ProviderRequest(
        path=PATHS[call.endpoint].format(
            model=quote(call.model.removeprefix("models/"), safe=""), method=_METHODS[call.stream]
        ),
        body=serialize_request({member: value for member, value in wire.items() if value}),
        warnings=drop_warnings(lost) + safety.warnings,
        tool_names=original_names(names),
    )


def unsupported_params(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """Members that ask for something Gemini, or this model of it, does not have."""
    gone = _gone(body, tables.generation(model))
    carried = (tables.SUPPORTED_PARAMS | IGNORABLE_PARAMS) - gone
    names = [name for name, value in body.items() if name not in carried and not is_default(name, value)]
    return (*names, *non_function_tools(body))


def _gone(body: Mapping[str, Any], generation: int) -> set[str]:
    """Several candidates come in no stream, and from Gemini 3 on not at all; penalties are gone with it."""
    newest = generation >= tables.GEMINI_3
    gone = {
        "n": newest or bool(body.get("stream")),
        "presence_penalty": newest,
        "frequency_penalty": newest,
        "service_tier": str(body.get("service_tier")) not in tables.SERVICE_TIERS,
    }
    return {name for name, is_gone in gone.items() if is_gone}


def _safety(call: CallerRequest) -> SafetySettings:
    """The header's, else the body's own member."""
    given: SafetySettings | None = call.dialect_options.get("safety_settings")
    if given is not None:
        return given
    value = call.body.get("safety_settings")
    return SafetySettings() if value is None else parse_body_member(value)


def _generation_config(body: Mapping[str, Any], lost: Set[str]) -> dict[str, Any]:
    limit = body.get("max_completion_tokens")
    seed = body.get("seed")
    scalars = {
        "maxOutputTokens": body.get("max_tokens") if limit is None else limit,
        "stopSequences": _stops(body.get("stop")) or None,
        # Gemini's seed has 32 bits; the same seed stays the same.
        "seed": seed % 2**31 if isinstance(seed, int) else seed,
    }
    for name, wire in tables.SCALARS.items():
        if name not in lost and not is_default(name, body.get(name)):
            scalars[wire] = body.get(name)
    return {wire: value for wire, value in scalars.items() if value is not None}


def _stops(stop: Any) -> list[str]:
    listed = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
        raise invalid_param("stop", "must be a string or a list of strings")
    return [text for text in listed if text]
