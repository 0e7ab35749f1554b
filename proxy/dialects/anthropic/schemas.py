"""JSON Schemas of tools, cut to what the Messages API takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import orjson

Schema = Mapping[str, Any]

EMPTY_SCHEMA: Schema = {"type": "object", "properties": {}}
_COMBINED = ("allOf", "anyOf", "oneOf")
_MOST_COPIES = 4
"""Limit for the size of merged properties, in sizes of the whole schema: references may name schemas that contain others."""


def object_schema(schema: Any) -> dict[str, Any]:
    """The same with an object at its top: a reference is followed, and alternatives there become optional properties."""
    if not isinstance(schema, Mapping) or not schema:
        return dict(EMPTY_SCHEMA)
    top = {key: value for key, value in schema.items() if key not in ("$ref", *_COMBINED)}
    target = _referred(schema, schema)
    if target is not schema:
        top = {**target, **top}
    for keyword in _COMBINED:
        if branches := _branches(schema, keyword):
            limit = _MOST_COPIES * len(orjson.dumps(schema))
            top = {**top, **_merged([top, *branches], "allOf" if keyword == "allOf" else "anyOf", limit)}
    return {**top, "type": "object"}


def _branches(schema: Schema, keyword: str) -> list[Schema]:
    """The schemas listed under a keyword, with references followed and repeated targets left out."""
    found = [_referred(branch, schema) for branch in schema.get(keyword) or () if isinstance(branch, Mapping)]
    return list({id(branch): branch for branch in found}.values())


def _referred(schema: Schema, root: Schema) -> Schema:
    """What a local `$ref` names; the schema itself if it has none, or one that leads nowhere."""
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return schema
    found: Any = root
    for step in reference[2:].split("/"):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else schema


def _merged(schemas: list[Schema], keyword: str, limit: int) -> dict[str, Any]:
    """`properties` and `required` of a schema and its branches, which are combined by `allOf` or `anyOf`.

    Raises ValueError if the properties take more than `limit` bytes of JSON."""
    required, *others = [set(schema.get("required") or ()) for schema in schemas]
    required |= set.union(*others) if keyword == "allOf" else set.intersection(*others)
    variants: dict[str, dict[bytes, Any]] = {}
    for name, schema in chain.from_iterable((schema.get("properties") or {}).items() for schema in schemas):
        written = orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)
        limit -= len(written)
        if limit < 0:
            raise ValueError("references name schemas that contain one another")
        variants.setdefault(name, {})[written] = schema
    properties = {name: _one_of(list(schemas.values()), keyword) for name, schemas in variants.items()}
    names = [name for name in properties if name in required]
    return {"properties": properties, **({"required": names} if names else {})}


def _one_of(schemas: list[Any], keyword: str) -> Any:
    return schemas[0] if len(schemas) == 1 else {keyword: schemas}


_LIMITS = frozenset({
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems",
    "uniqueItems", "minProperties", "maxProperties", "patternProperties", "propertyNames", "dependentRequired",
    "dependentSchemas", "dependencies", "if", "then", "else", "not", "contains", "minContains", "maxContains",
    "prefixItems",
})  # fmt: skip
_FORMATS = frozenset({
    "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid",
})  # fmt: skip
_NAMED = frozenset({"properties", "$defs", "definitions"})


def strict_schema(schema: Any) -> Any:
    """The subset that strict tools take: closed objects; limits it has no words for become part of the description."""
    if isinstance(schema, list):
        return [strict_schema(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    told = [f"{key}: {orjson.dumps(value).decode()}" for key, value in schema.items() if _untold(key, value)]
    kept = {"anyOf" if key == "oneOf" else key: _strict_member(key, value) for key, value in _kept(schema)}
    if told:
        kept["description"] = " ".join([*filter(None, [kept.get("description")]), f"({', '.join(told)})"])
    if kept.get("type") == "object" or "properties" in kept:
        kept["additionalProperties"] = False
    return kept


def _kept(schema: Schema) -> Iterable[tuple[str, Any]]:
    return ((key, value) for key, value in schema.items() if not _untold(key, value))


def _strict_member(key: str, value: Any) -> Any:
    """Names of properties and definitions are no keywords; constants, examples and the like are no schemas."""
    if key in _NAMED and isinstance(value, Mapping):
        return {name: strict_schema(schema) for name, schema in value.items()}
    return strict_schema(value) if key in ("items", *_COMBINED) else value


def _untold(key: str, value: Any) -> bool:
    if key == "format":
        return value not in _FORMATS
    if key == "pattern":
        return "(?=" in str(value) or "(?!" in str(value) or "(?<" in str(value)
    return key in _LIMITS or (key == "minItems" and value not in (0, 1))
