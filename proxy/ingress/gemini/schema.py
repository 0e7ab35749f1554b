"""Translates Gemini's own schemas, a subset of OpenAPI's, into JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proxy.dialects.coerce import object_of
from proxy.dialects.google.spelling import camel_case

_NOT_IN_JSON_SCHEMA = frozenset({"nullable", "propertyOrdering", "example"})
_COUNTS = frozenset({"maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"})
"""Members that are 64-bit integers, which Google may write as strings."""


def json_schema(schema: Any) -> Any:
    """Return the schema in the words of JSON Schema. What is no schema stays as it is."""
    if not isinstance(schema, dict):
        return schema
    members = {camel_case(name): value for name, value in schema.items() if value is not None}
    translated = {
        _NAMES.get(name, name): _translated(name, value)
        for name, value in members.items()
        if name not in _NOT_IN_JSON_SCHEMA
    }
    return _nullable(translated) if members.get("nullable") is True else translated


def _translated(name: str, value: Any) -> Any:
    if name in _COUNTS and isinstance(value, str) and value.isdecimal() and len(value) < 20:
        return int(value)
    translate = _TRANSLATORS.get(name)
    return value if translate is None else translate(value)


def _type(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _by_name(value: Any) -> Any:
    return {name: json_schema(each) for name, each in object_of(value).items()}


def _alternatives(value: Any) -> Any:
    return list(map(json_schema, value)) if isinstance(value, list) else value


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that allows null too."""
    if isinstance(schema.get("type"), str):
        values = {"enum": [*schema["enum"], None]} if isinstance(schema.get("enum"), list) else {}
        return {**schema, "type": [schema["type"], "null"], **values}
    if isinstance(schema.get("anyOf"), list):
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    return schema


_NAMES: Mapping[str, str] = {"defs": "$defs", "ref": "$ref"}
_TRANSLATORS: Mapping[str, Callable[[Any], Any]] = {
    "type": _type,
    "properties": _by_name,
    "defs": _by_name,
    "items": json_schema,
    "prefixItems": _alternatives,
    "anyOf": _alternatives,
    "additionalProperties": json_schema,
}
