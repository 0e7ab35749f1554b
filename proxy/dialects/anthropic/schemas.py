"""Rewrites JSON Schemas of tool parameters to the subset that the Messages API accepts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import chain
from typing import Any

import orjson

Schema = Mapping[str, Any]

EMPTY_SCHEMA: Schema = {"type": "object", "properties": {}}
_COMBINATORS = ("allOf", "anyOf", "oneOf")
_MAX_EXPANSION = 4
"""Maximum size of merged properties, as a multiple of the whole schema: references may repeat nested schemas many times."""


def object_schema(schema: Any) -> dict[str, Any]:
    """Return an equivalent schema of type `object`: a top-level reference is resolved, alternatives are merged into properties.

    Raises ValueError if the merged schema would be too large.
    """
    if not isinstance(schema, Mapping) or not schema:
        return dict(EMPTY_SCHEMA)
    top = {key: value for key, value in schema.items() if key not in ("$ref", *_COMBINATORS)}
    target = _resolve_ref(schema, schema)
    if target is not schema:
        top = {**target, **top}
    for keyword in _COMBINATORS:
        if branches := _branches(schema, keyword):
            limit = _MAX_EXPANSION * len(orjson.dumps(schema))
            top = {**top, **_merge([top, *branches], "allOf" if keyword == "allOf" else "anyOf", limit)}
    return {**top, "type": "object"}


def _branches(schema: Schema, keyword: str) -> list[Schema]:
    """Return the schemas listed under a keyword, with references followed and repeated targets left out."""
    found = [_resolve_ref(branch, schema) for branch in schema.get(keyword) or () if isinstance(branch, Mapping)]
    return list({id(branch): branch for branch in found}.values())


def _resolve_ref(schema: Schema, root: Schema) -> Schema:
    """Return the target of a local `$ref`, or the schema itself if it has none or the target does not exist."""
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return schema
    found: Any = root
    for step in reference[2:].split("/"):
        if not isinstance(found, dict):
            return schema
        found = found.get(step)
    return found if isinstance(found, dict) else schema


def _merge(schemas: list[Schema], keyword: str, limit: int) -> dict[str, Any]:
    """Merge `properties` and `required` of a schema and its branches, combined by `allOf` or `anyOf`.

    Raises ValueError if the properties take more than `limit` bytes of JSON.
    """
    required, *others = [set(schema.get("required") or ()) for schema in schemas]
    required |= set.union(*others) if keyword == "allOf" else set.intersection(*others)
    all_properties = [schema.get("properties") or {} for schema in schemas]
    if sum(len(orjson.dumps(properties)) for properties in all_properties) > limit:
        raise ValueError("merged schema too large: references to overlapping schemas")
    properties = _merge_properties(all_properties, keyword)
    names = [name for name in properties if name in required]
    return {"properties": properties, **({"required": names} if names else {})}


def _merge_properties(all_properties: list[Mapping[str, Any]], keyword: str) -> dict[str, Any]:
    """Return all properties. Different schemas of one name are combined."""
    counts = Counter(chain.from_iterable(all_properties))
    merged: dict[str, Any] = {}
    variants: dict[str, dict[bytes, Any]] = {}
    for name, schema in chain.from_iterable(properties.items() for properties in all_properties):
        merged[name] = schema
        if counts[name] > 1:
            variants.setdefault(name, {})[orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)] = schema
    return merged | {name: _combine(list(schemas.values()), keyword) for name, schemas in variants.items()}


def _combine(schemas: list[Any], keyword: str) -> Any:
    return schemas[0] if len(schemas) == 1 else {keyword: schemas}


_UNSUPPORTED_KEYWORDS = frozenset({
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems",
    "uniqueItems", "minProperties", "maxProperties", "patternProperties", "propertyNames", "dependentRequired",
    "dependentSchemas", "dependencies", "if", "then", "else", "not", "contains", "minContains", "maxContains",
    "prefixItems",
})  # fmt: skip
_SUPPORTED_FORMATS = frozenset({
    "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid",
})  # fmt: skip
_SCHEMA_MAPS = frozenset({"properties", "$defs", "definitions"})
_SCHEMA_MEMBERS = frozenset({"items", *_COMBINATORS})


def strict_schema(schema: Any) -> Any:
    """Rewrite a schema for strict tools: objects are closed, unsupported constraints move into the description."""
    if isinstance(schema, list):
        return [strict_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    notes: list[str] = []
    for key, value in schema.items():
        if _is_unsupported(key, value):
            notes.append(f"{key}: {orjson.dumps(value).decode()}")
        elif key in _SCHEMA_MAPS and isinstance(value, dict):
            kept[key] = {name: strict_schema(named) for name, named in value.items()}
        elif key in _SCHEMA_MEMBERS:
            kept["anyOf" if key == "oneOf" else key] = strict_schema(value)
        else:
            kept[key] = value
    if notes:
        kept["description"] = " ".join([*filter(None, [kept.get("description")]), f"({', '.join(notes)})"])
    if kept.get("type") == "object" or "properties" in kept:
        kept["additionalProperties"] = False
    return kept


def _is_unsupported(key: str, value: Any) -> bool:
    if key == "format":
        return value not in _SUPPORTED_FORMATS
    if key == "pattern":
        return "(?=" in str(value) or "(?!" in str(value) or "(?<" in str(value)
    return key in _UNSUPPORTED_KEYWORDS or (key == "minItems" and value not in (0, 1))
