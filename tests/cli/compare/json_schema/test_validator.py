"""A value is validated with a JSON Schema, and each error names its place."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.cli.compare.json_schema.problems import schema_problems
from proxy.cli.compare.json_schema.validator import MAX_ERRORS, TooComplexError, validation_errors

TREE: dict[str, Any] = {
    "$defs": {"node": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["next"]}},
    "$ref": "#/$defs/node",
}  # fmt: skip


def errors(value: Any, schema: Any) -> list[str]:
    assert schema_problems(schema) == []
    return validation_errors(value, schema)


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        (1, True, []),
        (1, {}, []),
        (1, False, ["is not allowed"]),
        ("1", {"type": "integer"}, ["expected integer, got string"]),
        (3, {"enum": [1, "a"]}, ["expected one of 1, \"a\", got 3"]),
        ({}, {"required": ["a", "b"]}, ["'a' is missing", "'b' is missing"]),
        ([], {"required": ["a"], "properties": {"a": False}}, []),
        ({"a": {"b": "x"}}, {"properties": {"a": {"properties": {"b": {"type": "number"}}}}}, ["a.b: expected number, got string"]),
        ({"a": 1, "b": 2}, {"properties": {"a": {}}, "additionalProperties": False}, ["b: is not allowed"]),
        ({"b": "x"}, {"additionalProperties": {"type": "integer"}}, ["b: expected integer, got string"]),
        ({"x-a": 1, "b": 1}, {"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": False},
         ["x-a: expected string, got number", "b: is not allowed"]),
        ({"ab": 1}, {"propertyNames": {"maxLength": 1}}, ["ab: must have at most 1 characters, got \"ab\""]),
        ([1, "x", 2], {"items": {"type": "integer"}}, ["[1]: expected integer, got string"]),
        (["a", 1, "b"], {"prefixItems": [{"type": "string"}, {"type": "string"}], "items": False},
         ["[1]: expected string, got number", "[2]: is not allowed"]),
        ([{"a": [0]}], {"items": {"properties": {"a": {"items": {"minimum": 1}}}}}, ["[0].a[0]: must be at least 1, got 0"]),
        (5, {"allOf": [{"minimum": 6}, {"maximum": 4}]}, ["must be at least 6, got 5", "must be at most 4, got 5"]),
        (5, {"anyOf": [{"type": "string"}, {"minimum": 4}]}, []),
        (5, {"anyOf": [{"type": "string"}, {"minimum": 6}]},
         ["matches none of anyOf (expected string, got number; must be at least 6, got 5)"]),
        (5, {"oneOf": [{"minimum": 1}, {"minimum": 2}]}, ["matches 2 of oneOf, must match exactly one"]),
        (5, {"oneOf": [{"minimum": 1}, {"minimum": 9}]}, []),
        (5, {"not": {"type": "integer"}}, ["matches what `not` excludes"]),
        ({"next": {"next": None}}, TREE, []),
        ({"next": {"next": 1}}, TREE, [
            "next: matches none of anyOf (next.next: matches none of anyOf (next.next: expected object"
        ]),
        (1, {"definitions": {"a/b": {"type": "string"}}, "$ref": "#/definitions/a~1b"}, ["expected string, got number"]),
    ],
)  # fmt: skip
def test_errors_name_their_place(value: Any, schema: Any, expected: list[str]) -> None:
    found = errors(value, schema)
    assert [error[: len(text)] for error, text in zip(found, expected, strict=True)] == expected


def test_at_most_five_errors_are_reported() -> None:
    assert len(errors(["x"] * 100, {"items": {"type": "integer"}})) == MAX_ERRORS


def test_a_long_value_is_shortened() -> None:
    (error,) = errors("x" * 10_000, {"maxLength": 1})
    assert len(error) < 200 and error.endswith("…")


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (1, {"$ref": "#"}),
        (1, {"allOf": [{"$ref": "#"}]}),
        ([0] * 1000, {"items": {"allOf": [{"minimum": 0}] * 300}}),
        (1, {"$defs": {str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(30)} | {"30": {}}, "$ref": "#/$defs/0"}),
    ],
)  # fmt: skip
def test_endless_and_explosive_schemas_are_refused(value: Any, schema: Any) -> None:
    assert schema_problems(schema) == []
    with pytest.raises(TooComplexError):
        validation_errors(value, schema)


def test_a_deep_value_is_refused() -> None:
    value: Any = None
    for _ in range(100):
        value = {"next": value}
    with pytest.raises(TooComplexError):
        errors(value, TREE)
