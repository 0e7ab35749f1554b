"""Schemas: the top is an object, and strict ones hold only what strict tools take."""

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
def test_a_strict_schema_holds_no_limits_and_its_objects_are_closed(schema: dict[str, Any]) -> None:
    for inner in _walk(strict_schema(object_schema(schema))):
        assert not {"minimum", "not", "oneOf"} & set(inner)
        assert inner.get("format") in (None, "date")
        assert inner.get("const") in (None, {"minimum": 1})
        assert inner.get("additionalProperties") is (
            False if inner.get("type") == "object" or "properties" in inner else None
        )


@given(schema=SCHEMAS)
def test_the_top_is_an_object_without_alternatives_and_a_second_pass_changes_nothing(schema: dict[str, Any]) -> None:
    top = object_schema(schema)
    assert top["type"] == "object"
    assert not {"allOf", "anyOf", "oneOf", "$ref"} & set(top)
    assert object_schema(top) == top
    assert strict_schema(strict_schema(top)) == strict_schema(top)


@pytest.mark.parametrize("schema", [None, {}, True, []])
def test_no_schema_takes_no_arguments(schema: Any) -> None:
    assert object_schema(schema) == {"type": "object", "properties": {}}


def of(kind: str) -> dict[str, Any]:
    return {"properties": {"a": {"type": kind}}}


def test_variants_of_a_property_stand_side_by_side_each_once() -> None:
    branches = [of("string"), of("integer"), of("string"), of("null")]
    variants = [{"type": "string"}, {"type": "integer"}, {"type": "null"}]
    assert object_schema({"anyOf": branches})["properties"] == {"a": {"anyOf": variants}}
    assert object_schema({"allOf": branches})["properties"] == {"a": {"allOf": variants}}


@pytest.mark.parametrize(
    "keyword, required", [("anyOf", ["top", "both"]), ("oneOf", ["top", "both"]), ("allOf", ["top", "both", "one"])]
)
def test_required_is_what_holds_for_every_branch_that_is_chosen(keyword: str, required: list[str]) -> None:
    properties = {name: {} for name in ("top", "both", "one", "other")}
    branches = [{"required": ["both", "one"]}, {"required": ["both"]}]
    schema = {"properties": properties, "required": ["top"], keyword: branches}
    assert object_schema(schema)["required"] == required


def test_a_schema_without_limits_is_left_as_it_is() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert strict_schema(schema) == schema == object_schema(schema)
