"""Rewrites JSON Schemas to the subset that Cohere accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

_UNSUPPORTED = frozenset({
    "$schema", "contains", "dependentRequired", "dependentSchemas", "else", "exclusiveMaximum", "exclusiveMinimum", "if",
    "maxContains", "maxItems", "maxLength", "maximum", "maxProperties", "minContains", "minItems", "minLength", "minimum",
    "minProperties", "multipleOf", "not", "patternProperties", "prefixItems", "propertyNames", "then", "uniqueItems",
})  # fmt: skip
"""Keywords that Cohere rejects. They move into the description."""
_FORMATS = frozenset({"date", "date-time", "time", "uuid"})
_SCHEMA_MAPS = ("properties", "$defs", "definitions")
_SCHEMAS = ("items", "anyOf", "additionalProperties")
_MAX_FIELDS = 200


def cohere_schema(schema: Any) -> Any:
    """Return an equivalent schema in the subset. What it cannot express moves into the description."""
    if isinstance(schema, list):
        return [cohere_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    schema = _without_all_of(schema)
    kept: dict[str, Any] = {}
    notes: list[str] = []
    for keyword, value in schema.items():
        if keyword in _UNSUPPORTED or (keyword == "format" and value not in _FORMATS):
            notes += [] if keyword == "$schema" else [f"{keyword}: {orjson.dumps(value).decode()}"]
        elif keyword in _SCHEMA_MAPS and isinstance(value, dict):
            kept[keyword] = {name: cohere_schema(each) for name, each in value.items()}
        elif keyword == "oneOf":
            kept["anyOf"] = cohere_schema(value)
        else:
            kept[keyword] = cohere_schema(value) if keyword in _SCHEMAS else value
    if kept.get("properties") and not kept.get("required"):
        kept["required"] = list(kept["properties"])  # each object needs a required member
    if notes:
        kept["description"] = " ".join([*filter(None, [kept.get("description")]), f"({', '.join(notes)})"])
    return kept


def has_too_many_fields(schema: Any) -> bool:
    """Whether a schema has more properties, over all its objects, than Cohere accepts."""
    waiting, count = [schema], 0
    while waiting and count <= _MAX_FIELDS:
        each = waiting.pop()
        if isinstance(each, dict):
            count += len(each["properties"]) if isinstance(each.get("properties"), dict) else 0
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return count > _MAX_FIELDS


def _without_all_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema with the branches of `allOf` merged into it, as far as they are objects without references."""
    branches = schema.get("allOf")
    own = {keyword: value for keyword, value in schema.items() if keyword != "allOf"}
    if not isinstance(branches, list):
        return own
    if len(branches) == 1 and isinstance(branches[0], dict):
        return {**branches[0], **own}
    properties: dict[str, Any] = {}
    required: list[Any] = []
    for branch in [*branches, own]:
        if isinstance(branch, dict):
            properties |= branch.get("properties") or {}
            required += branch.get("required") or []
    return {**own, "type": "object", "properties": properties, "required": required}
