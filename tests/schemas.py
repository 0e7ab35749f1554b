"""Validates a value with the JSON Schema keywords that the schema of routing.yaml uses, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from proxy.config.texts import matches

TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None),
                         "integer": int, "number": (int, float)}  # fmt: skip
KEYWORDS = {
    "enum": lambda value, allowed: value in allowed,
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
    "pattern": lambda value, pattern: not isinstance(value, str) or matches(pattern, value),
    "minProperties": lambda value, count: len(value) >= count,
    "maxProperties": lambda value, count: len(value) <= count,
    "minItems": lambda value, bound: not isinstance(value, list) or len(value) >= bound,
    "maxItems": lambda value, bound: not isinstance(value, list) or len(value) <= bound,
    "anyOf": lambda value, schemas: any(not validation_errors(value, schema) for schema in schemas),
    "type": lambda value, names: any(_is(value, name) for name in ([names] if isinstance(names, str) else names)),
}
STRUCTURAL = {"properties", "patternProperties", "additionalProperties", "propertyNames", "items", "required"}
ANNOTATIONS = {"$schema", "title", "description", "default", "examples"}


def _is(value: Any, name: str) -> bool:
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def validation_errors(value: Any, schema: dict[str, Any], path: str = "") -> list[str]:
    """Return `path: what is wrong` for each error; KeyError for an unknown keyword."""
    for keyword in ("type", *(schema.keys() - STRUCTURAL - ANNOTATIONS)):
        if keyword in schema and not KEYWORDS[keyword](value, schema[keyword]):
            return [f"{path}: {keyword} {schema[keyword]} does not hold of {value!r}"]
    return list(_nested_errors(value, schema, path))


def _nested_errors(value: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from validation_errors(item, schema["items"], f"{path}[{index}]")
    if isinstance(value, dict):
        yield from (f"{name}: is required" for name in schema.get("required", ()) if name not in value)
        for name, member in value.items():
            yield from (f"{path}: key: {error}" for error in validation_errors(name, schema.get("propertyNames", {})))
            yield from _member_errors(member, schema, name, f"{path}.{name}" if path else name)


def _member_errors(value: Any, schema: dict[str, Any], name: str, path: str) -> Iterator[str]:
    found = [schema["properties"][name]] if name in schema.get("properties", {}) else []
    found += [inner for pattern, inner in schema.get("patternProperties", {}).items() if re.search(pattern, name)]
    other = schema.get("additionalProperties", {})
    if not found and other is False:
        yield f"{path}: is not allowed"
    for inner in found or [other or {}]:
        yield from validation_errors(value, inner, path)
