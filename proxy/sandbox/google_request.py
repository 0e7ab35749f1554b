"""Validation of Gemini requests, and conversion to the simulated model's prompt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

import orjson

from proxy.sandbox.contract import SimulatedError
from proxy.sandbox.google_rules import check_rules, is_gemini_3_or_later
from proxy.sandbox.model import ANY_JSON, Prompt

# Allowed members, from Google's SDK (3.4).
_KNOWN: Mapping[str, str] = {
    "request": """
        cachedContent contents generationConfig model safetySettings serviceTier store systemInstruction toolConfig
        tools
    """,
    "generation_config": """
        audioTimestamp candidateCount enableAffectiveDialog enableEnhancedCivicAnswers frequencyPenalty imageConfig
        logprobs maxOutputTokens mediaResolution presencePenalty responseFormat responseJsonSchema responseLogprobs
        responseMimeType responseModalities responseSchema routingConfig seed speechConfig stopSequences temperature
        thinkingConfig topK topP
    """,
    "content": "role parts",
    "tool": """
        codeExecution computerUse fileSearch functionDeclarations googleMaps googleSearch googleSearchRetrieval mcpServers
        urlContext
    """,
    "part": """
        codeExecutionResult executableCode fileData functionCall functionResponse inlineData mediaResolution
        partMetadata text thought thoughtSignature toolCall toolResponse videoMetadata
    """,
    "function_declaration": "behavior description name parameters parametersJsonSchema response responseJsonSchema",
}
# Members whose content belongs to the caller: the names in it are not Google's.
_OPAQUE = frozenset(
    {"args", "parameters", "parametersJsonSchema", "partMetadata", "response", "responseJsonSchema", "responseSchema"}
)
_MODES = frozenset({"MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"})
_MAX_CANDIDATES = 8
_LETTER = re.compile(r"_([a-z])")


def to_camel_case(value: Any) -> Any:
    """Convert the names of Google's members to camel case.

    Google accepts snake case as well, and its SDK mixes both.
    """
    if isinstance(value, list):
        return [to_camel_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    renamed = {_LETTER.sub(lambda match: match[1].upper(), name): member for name, member in value.items()}
    return {name: member if name in _OPAQUE else to_camel_case(member) for name, member in renamed.items()}


def check_request(body: Mapping[str, Any], model: str, streamed: bool) -> None:
    """Raise SimulatedError for a request that Gemini rejects. The names in `body` are in camel case."""
    strict = is_gemini_3_or_later(model)
    config = body.get("generationConfig") or {}
    _check_members(body, "request")
    _check_members(config, "generation_config")
    if not body.get("contents"):
        raise SimulatedError(400, "GenerateContentRequest.contents: contents is not specified")
    _check_candidates(config.get("candidateCount") or 1, strict or streamed)
    for tool in body.get("tools") or ():
        _check_members(tool, "tool")
    for declaration in _declarations(body):
        _check_declaration(declaration)
    if _calling(body).get("mode", "AUTO") not in _MODES:
        raise SimulatedError(
            400, f"Invalid value at 'tool_config.function_calling_config.mode': {_calling(body)['mode']}"
        )
    _check_contents(body["contents"], strict)
    check_rules(body, model)


def _check_candidates(count: int, only_one: bool) -> None:
    if count > 1 and only_one:
        raise SimulatedError(400, "Multiple candidates is not enabled for this model")
    if not 1 <= count <= _MAX_CANDIDATES:
        supported = f"the supported range is from 1 (inclusive) to {_MAX_CANDIDATES + 1} (exclusive)"
        raise SimulatedError(
            400, f"Unable to submit request because it has a candidateCount value of {count} but {supported}."
        )


def _check_contents(contents: list[dict[str, Any]], strict: bool) -> None:
    for number, content in enumerate(contents):
        _check_members(content, "content")
        if content.get("role", "user") not in ("user", "model"):
            raise SimulatedError(400, "Please use a valid role: user, model.")
        if not content.get("parts"):
            raise SimulatedError(
                400, f"GenerateContentRequest.contents[{number}].parts: contents.parts must not be empty."
            )
        for part in content["parts"]:
            _check_members(part, "part")
    call_count = 0
    # Adjacent contents of one role are one turn: Google's SDK keeps each event of a stream as a separate content.
    for _, turn in groupby(contents, lambda content: content.get("role", "user")):
        call_count = _check_turn([part for content in turn for part in content["parts"]], call_count, strict)


def _check_turn(parts: list[dict[str, Any]], call_count: int, strict: bool) -> int:
    """Check one turn and return its number of function calls. `call_count` is that of the turn before."""
    responses = sum("functionResponse" in part for part in parts)
    if responses and responses != call_count:
        raise SimulatedError(400, "The number of function responses must be that of the function calls before them.")
    calls = [part for part in parts if "functionCall" in part]
    if strict and calls and not calls[0].get("thoughtSignature"):
        name = calls[0]["functionCall"]["name"]
        raise SimulatedError(400, f"Function call is missing a thought_signature in functionCall parts: {name}")
    return len(calls)


def _check_declaration(declaration: Mapping[str, Any]) -> None:
    _check_members(declaration, "function_declaration")
    schema = declaration.get("parameters")
    if schema is not None and "parametersJsonSchema" in declaration:
        raise SimulatedError(400, "parameters and parameters_json_schema exclude each other.")
    if schema is not None and str(schema.get("type")).upper() == "OBJECT" and not schema.get("properties"):
        raise SimulatedError(400, "parameters.properties: should be non-empty for OBJECT type")


def _check_members(members: Iterable[str], what: str) -> None:
    known = _KNOWN[what].split()
    for name in members:
        if name not in known:
            message = f"Invalid JSON payload received. Unknown name \"{name}\" at '{what}': Cannot find field."
            raise SimulatedError(400, message)


def parse_prompt(provider: str, model: str, body: Mapping[str, Any]) -> Prompt:
    """Extract the parts of a request that determine the answer."""
    contents = body["contents"]
    system = (body.get("systemInstruction") or {}).get("parts") or []
    users = [_text(one["parts"]) for one in contents if one.get("role", "user") == "user" and _text(one["parts"])]
    tools, forced = _tools(body)
    return Prompt(
        provider=provider,
        model=model,
        user=users[-1] if users else "",
        conversation="\n".join([_text(system), *(_text(one["parts"]) for one in contents)]),
        tool_result=_tool_result(contents[-1]["parts"]),
        tools=tools,
        tool_required=forced,
        schema=_answer_schema(body.get("generationConfig") or {}),
        max_tokens=(body.get("generationConfig") or {}).get("maxOutputTokens"),
    )


def _answer_schema(config: Mapping[str, Any]) -> Any:
    """Return the schema of the answer, None for text."""
    if config.get("responseMimeType") != "application/json":
        return None
    return config.get("responseJsonSchema") or _lowercase_types(config.get("responseSchema")) or ANY_JSON


def _text(parts: list[dict[str, Any]]) -> str:
    return "".join(str(part.get("text") or "") for part in parts)


def _tool_result(parts: list[dict[str, Any]]) -> str | None:
    """Return the tool results: by convention the members `output` or `result`, otherwise the whole object."""
    responses = [part["functionResponse"]["response"] for part in parts if "functionResponse" in part]
    results = [response.get("output", response.get("result", response)) for response in responses]
    return "".join(one if isinstance(one, str) else orjson.dumps(one).decode() for one in results) if results else None


def _tools(body: Mapping[str, Any]) -> tuple[dict[str, Mapping[str, Any]], bool]:
    """Return the tools that may be called, and whether one must be."""
    tools = {one["name"]: _schema(one) for one in _declarations(body)}
    calling = _calling(body)
    allowed = frozenset(calling.get("allowedFunctionNames") or tools)
    callable_tools = {} if calling.get("mode") == "NONE" else {name: tools[name] for name in tools if name in allowed}
    return callable_tools, calling.get("mode") == "ANY"


def _declarations(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [one for tool in body.get("tools") or () for one in tool.get("functionDeclarations") or ()]


def _calling(body: Mapping[str, Any]) -> dict[str, Any]:
    calling: dict[str, Any] = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    return calling


def _schema(declaration: Mapping[str, Any]) -> Any:
    return declaration.get("parametersJsonSchema") or _lowercase_types(declaration.get("parameters") or {})


def _lowercase_types(schema: Any) -> Any:
    """Convert the type names of a schema in Google's format, which are in capitals."""
    if isinstance(schema, list):
        return [_lowercase_types(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: member.lower() if name == "type" and isinstance(member, str) else _lowercase_types(member)
        for name, member in schema.items()
    }
