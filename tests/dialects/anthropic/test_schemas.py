"""Tool schemas: the top level is an object, and strict schemas contain only supported keywords."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from proxy.dialects.anthropic.schemas import object_schema, strict_schema

_NAMES = st.sampled_from(["minimum", "format", "not", "a"])


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = {
        "type": st.sampled_from(["object", "array", "string"]),
        "properties": st.dictionaries(_NAMES, inner, max_size=3),
        "items": inner,
        "oneOf": st.lists(inner, min_size=1, max_size=2),
        "minimum": st.integers(-9, 9),
        "not": inner,
        "format": st.sampled_from(["date", "phone"]),
        "const": st.just({"minimum": 1}),
    }
    return st.fixed_dictionaries({}, optional=members)


SCHEMAS = st.recursive(st.just({"type": "string"}), _schemas, max_leaves=8)


def _walk(schema: Any) -> Any:
    yield schema
    for inner in (
        *schema.get("properties", {}).values(),
        *schema.get("anyOf", ()),
        *filter(None, [schema.get("items")]),
    ):
        yield from _walk(inner)


@given(schema=SCHEMAS)
def test_a_strict_schema_has_only_supported_keywords_and_closed_objects(schema: dict[str, Any]) -> None:
    for inner in _walk(strict_schema(object_schema(schema))):
        assert not {"minimum", "not", "oneOf"} & set(inner)
        assert inner.get("format") in (None, "date")
        assert inner.get("const") in (None, {"minimum": 1})
        assert inner.get("additionalProperties") is (
            False if inner.get("type") == "object" or "properties" in inner else None
        )


@given(schema=SCHEMAS)
def test_the_top_is_an_object_without_combinators_and_rewriting_is_idempotent(schema: dict[str, Any]) -> None:
    top = object_schema(schema)
    assert top["type"] == "object"
    assert not {"allOf", "anyOf", "oneOf", "$ref"} & set(top)
    assert object_schema(top) == top
    assert strict_schema(strict_schema(top)) == strict_schema(top)


@pytest.mark.parametrize("schema", [None, {}, True, []])
def test_an_empty_schema_is_an_object_without_properties(schema: Any) -> None:
    assert object_schema(schema) == {"type": "object", "properties": {}}


def property_a(kind: str) -> dict[str, Any]:
    return {"properties": {"a": {"type": kind}}}


def test_different_schemas_of_one_property_are_combined_without_duplicates() -> None:
    branches = [property_a("string"), property_a("integer"), property_a("string"), property_a("null")]
    variants = [{"type": "string"}, {"type": "integer"}, {"type": "null"}]
    assert object_schema({"anyOf": branches})["properties"] == {"a": {"anyOf": variants}}
    assert object_schema({"allOf": branches})["properties"] == {"a": {"allOf": variants}}


@pytest.mark.parametrize(
    "keyword, required", [("anyOf", ["top", "both"]), ("oneOf", ["top", "both"]), ("allOf", ["top", "both", "one"])]
)
def test_required_is_the_intersection_of_alternatives_and_the_union_of_allof(keyword: str, required: list[str]) -> None:
    properties = {name: {} for name in ("top", "both", "one", "other")}
    branches = [{"required": ["both", "one"]}, {"required": ["both"]}]
    schema = {"properties": properties, "required": ["top"], keyword: branches}
    assert object_schema(schema)["required"] == required


def test_a_schema_without_unsupported_keywords_is_unchanged() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert strict_schema(schema) == schema == object_schema(schema)
