"""Gemini's schemas become JSON Schema."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.ingress.gemini.schema import json_schema


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "STRING", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "STRING", "nullable": False}, {"type": "string"}),
        ({"type": "STRING", "enum": ["a"], "nullable": True}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"anyOf": [{"type": "STRING"}], "nullable": True}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"any_of": [{"type": "STRING"}]}, {"anyOf": [{"type": "string"}]}),
        ({"type": "ARRAY", "minItems": "2", "max_items": 3}, {"type": "array", "minItems": 2, "maxItems": 3}),
        ({"type": "OBJECT", "property_ordering": ["a"], "example": 5}, {"type": "object"}),
        (
            {"ref": "#/$defs/a", "defs": {"a_b": {"type": "NUMBER"}}},
            {"$ref": "#/$defs/a", "$defs": {"a_b": {"type": "number"}}},
        ),
        (
            {"type": "object", "additionalProperties": {"type": "INTEGER"}},
            {"type": "object", "additionalProperties": {"type": "integer"}},
        ),
        ({"minItems": "many", "nullable": True}, {"minItems": "many"}),
        (True, True),
        ("STRING", "STRING"),
    ],
)
def test_a_schema(schema: Any, expected: Any) -> None:
    assert json_schema(schema) == expected


def test_names_and_values_of_the_caller_stay() -> None:
    properties = {
        "any_of": {"type": "STRING", "default": {"max_items": "5"}},
        "type": {"type": "BOOLEAN", "enum": ["STRING"]},
    }
    found = json_schema({"type": "OBJECT", "properties": properties, "required": ["any_of"]})
    assert found["properties"] == {
        "any_of": {"type": "string", "default": {"max_items": "5"}},
        "type": {"type": "boolean", "enum": ["STRING"]},
    }
    assert found["required"] == ["any_of"]
