"""A sample of a JSON Schema matches it, and its size is bounded."""

from __future__ import annotations

import orjson
import pytest

from proxy.sandbox.sample import sample_value


@pytest.mark.parametrize(
    "schema, value",
    [
        ({}, "example"),
        (True, "example"),
        ({"type": "integer"}, 1),
        ({"type": ["null", "string"]}, None),
        ({"enum": ["a", "b"]}, "a"),
        ({"const": 7}, 7),
        ({"default": False, "type": "boolean"}, False),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, 1.5),
        ({"type": "array", "items": {"type": "boolean"}}, [True]),
        ({"properties": {"a": {"type": "string"}, "b": {}}, "required": ["a", "c"]}, {"a": "example", "c": "example"}),
        ({"type": "object"}, {}),
        ({"type": "geometry"}, "example"),
        ({"$defs": {"n": {"type": "integer", "minimum": 7}}, "$ref": "#/$defs/n"}, 7),
        (
            {
                "properties": {"a": {"$ref": "#/definitions/b~1c"}},
                "definitions": {"b/c": {"const": 2}},
                "required": ["a"],
            },
            {"a": 2},
        ),
        (
            {
                "allOf": [{"properties": {"a": {"const": 1}}, "required": ["a"]}],
                "properties": {"b": {"const": 2}},
                "required": ["b"],
            },
            {"a": 1, "b": 2},
        ),
        ({"type": "array", "minItems": 2, "items": {"type": "number", "exclusiveMaximum": 1}}, [0, 0]),
        ({"type": "string", "minLength": 9}, "examplexx"),
        ({"type": "string", "maxLength": 2}, "ex"),
        ({"type": "string", "format": "date"}, "2026-01-02"),
        ({"enum": [1.5, "a"]}, 1.5),
        ({"$ref": "#/nowhere"}, "example"),
    ],
)
def test_a_sample_value_matches_its_schema(schema, value):
    assert sample_value(schema) == value


def test_a_recursive_schema_has_a_bounded_sample():
    node = {"type": "object", "properties": {"l": {"$ref": "#"}, "r": {"$ref": "#"}}, "required": ["l", "r"]}
    assert len(orjson.dumps(sample_value(node))) < 100_000
    chain = {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["next"],
    }
    assert orjson.dumps(sample_value(chain)).rstrip(b"}").endswith(b'"next":null')
