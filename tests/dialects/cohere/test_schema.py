"""Schemas become those that Cohere accepts, and keep what they say."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.cohere import DIALECT
from proxy.dialects.cohere.schema import cohere_schema, has_too_many_fields

A = {"type": "string"}


@pytest.mark.parametrize("schema, expected", [
    ({"type": "integer", "minimum": 1, "description": "Days"}, {"type": "integer", "description": "Days (minimum: 1)"}),
    ({"properties": {"a": A, "b": A}}, {"properties": {"a": A, "b": A}, "required": ["a", "b"]}),
    ({"properties": {"a": A}, "required": ["a"], "$schema": "x"}, {"properties": {"a": A}, "required": ["a"]}),
    ({"oneOf": [{"type": "array", "items": {**A, "maxLength": 3}}, {"type": "null"}]},
     {"anyOf": [{"type": "array", "items": {**A, "description": "(maxLength: 3)"}}, {"type": "null"}]}),
    ({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {**A, "format": "uri"}}},
     {"$ref": "#/$defs/a", "$defs": {"a": {**A, "description": '(format: "uri")'}}}),
    ({"allOf": [{"properties": {"a": A}, "required": ["a"]}, {"properties": {"b": A}}]},
     {"type": "object", "properties": {"a": A, "b": A}, "required": ["a"]}),
    ({"enum": [1, 2.5], "format": "date"}, {"enum": [1, 2.5], "format": "date"}), (True, True),
])  # fmt: skip
def test_a_schema_is_rewritten_to_the_subset(schema: Any, expected: Any) -> None:
    assert cohere_schema(schema) == expected


def test_a_schema_with_too_many_fields_excludes_the_provider() -> None:
    many = {"type": "object", "properties": {f"p{n}": A for n in range(150)}}
    assert not has_too_many_fields(many) and has_too_many_fields({"anyOf": [many, many]})
    shape = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"anyOf": [many, many]}}}
    assert DIALECT.unsupported_params({"response_format": shape}, "command-a-03-2025") == ("response_format",)
