"""Translates `generationConfig` into the hub's members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.hub.content import invalid_param
from proxy.dialects.hub.reasoning import EFFORTS, effort_of_budget
from proxy.ingress.gemini.members import Members, google_only, list_of, members_of
from proxy.ingress.gemini.schema import json_schema

_COPIED: Mapping[str, str] = {
    "temperature": "temperature",
    "topP": "top_p",
    "candidateCount": "n",
    "maxOutputTokens": "max_tokens",
    "stopSequences": "stop",
    "seed": "seed",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
    "logprobs": "top_logprobs",
    "responseLogprobs": "logprobs",
}
"""Members whose value does not change -> their name in the hub."""
_TRANSLATED = frozenset({
    "responseJsonSchema", "responseMimeType", "responseModalities", "responseSchema", "thinkingConfig",
    "topK",
})  # fmt: skip
_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "candidateCount": ((int,), "a whole number"),
    "maxOutputTokens": ((int,), "a whole number"),
    "temperature": ((int, float), "a number"),
    "topP": ((int, float), "a number"),
    "topK": ((int, float), "a number"),
    "seed": ((int,), "a whole number"),
    "presencePenalty": ((int, float), "a number"),
    "frequencyPenalty": ((int, float), "a number"),
    "stopSequences": ((list,), "a list of strings"),
}
_WHERE = "generationConfig"
_UNLIMITED = -1
"""Budget of a model that decides itself how much it thinks."""


def read_config(body: Members) -> Members:
    """Return the members of a request's `generationConfig`. Raises InvalidRequestError for one of the wrong type."""
    config = members_of(body.get(_WHERE, {}), _WHERE)
    for name, (types, what) in _TYPES.items():
        value = config.get(name)
        if value is not None and (not isinstance(value, types) or isinstance(value, bool)):
            raise invalid_param(f"{_WHERE}.{name}", f"must be {what}")
    return config


def options(config: Members) -> dict[str, Any]:
    """Return the hub's members. Raises InvalidRequestError."""
    found = {
        **{hub_name: config.get(name) for name, hub_name in _COPIED.items()},
        "top_k": _top_k(config.get("topK")),
        "response_format": _response_format(config),
        "modalities": _modalities(config),
        "reasoning_effort": _effort(config),
    }
    return {name: value for name, value in found.items() if value is not None}


def shows_thoughts(config: Members) -> bool:
    """Return whether the answer has the model's thoughts."""
    return _thinking(config).get("includeThoughts") is True


def unknown_members(config: Members) -> list[str]:
    """Return the names of members that the hub has no word for."""
    return [name for name in config if name not in _COPIED and name not in _TRANSLATED]


def _top_k(value: float | None) -> float | None:
    """Return a whole number, as which others than Google take it: its SDKs send `5.0`."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _thinking(config: Members) -> Members:
    return members_of(config.get("thinkingConfig", {}), f"{_WHERE}.thinkingConfig")


def _effort(config: Members) -> str | None:
    """Return how much to think: by the level, or by the budget, or as the model likes where its thoughts are asked for."""
    thinking = _thinking(config)
    level, budget = text_of(thinking.get("thinkingLevel")).lower(), thinking.get("thinkingBudget")
    if level in EFFORTS:
        return level
    if not isinstance(budget, int) or budget == _UNLIMITED:
        return "medium" if budget == _UNLIMITED or thinking.get("includeThoughts") is True else None
    return effort_of_budget(budget) if budget > 0 else "none"


def _modalities(config: Members) -> list[str] | None:
    """Return the kinds of answer, if they are more than text."""
    listed = list_of(config.get("responseModalities"), f"{_WHERE}.responseModalities")
    kinds = [text_of(kind).lower() for kind in listed]
    return kinds if kinds and kinds != ["text"] else None


def _response_format(config: Members) -> dict[str, Any] | None:
    """Return the format of the answer: JSON, with the schema if there is one."""
    if "responseFormat" in config:
        raise google_only(f"{_WHERE}.responseFormat", "only responseMimeType and a schema have a translation")
    media_type = text_of(config.get("responseMimeType")) or "text/plain"
    if media_type == "text/plain":
        return None
    if media_type != "application/json":
        raise google_only(f"{_WHERE}.responseMimeType", "only text/plain and application/json have a translation")
    schema = config.get("responseJsonSchema")
    if schema is None:
        schema = json_schema(config.get("responseSchema"))
    if schema is None:
        return {"type": "json_object"}
    if not isinstance(schema, dict):
        raise invalid_param(f"{_WHERE}.responseSchema", "must be a schema")
    return {"type": "json_schema", "json_schema": {"name": "output", "schema": object_of(schema), "strict": False}}
