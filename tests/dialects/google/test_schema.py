"""Parameters pass as JSON Schema, or rewritten for models that do not read it."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.google.schema import SizeBudget, parameters
from proxy.errors import InvalidRequestError

WIDE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "a": {"$ref": "#/$defs/word"},
        "b": {"type": ["string", "null"]},
        "c": {"const": "x"},
    },
    "$defs": {"word": {"type": "string", "minLength": 1}},
    "additionalProperties": False,
}


def test_refs_unions_and_constants_pass_unchanged_where_json_schema_is_read() -> None:
    assert parameters(WIDE, "p") == {"parametersJsonSchema": WIDE}


def test_refs_unions_and_constants_are_written_out_where_it_is_not() -> None:
    assert parameters(WIDE, "p", SizeBudget.for_schemas(0))["parameters"] == {
        "type": "object",
        "properties": {
            "a": {"type": "string", "minLength": 1},
            "b": {"type": "string", "nullable": True},
            "c": {"type": "string", "enum": ["x"]},
        },
    }


@pytest.mark.parametrize(
    "schema", [None, {}, {"type": "object"}, {"type": "object", "properties": {}, "additionalProperties": False}]
)
@pytest.mark.parametrize("room", [SizeBudget.for_schemas(0), None])
def test_an_object_without_properties_is_left_out(schema: Any, room: SizeBudget | None) -> None:
    assert parameters(schema, "p", room) == {}


def inner(schema: Any) -> Any:
    whole = {"type": "object", "properties": {"x": schema}}
    return parameters(whole, "p", SizeBudget.for_schemas(0))["parameters"]["properties"]["x"]


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        (
            {"type": "string", "description": "d", "anyOf": [{"type": "string"}, {"type": "integer"}]},
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        ),
        ({"oneOf": [{"type": "integer"}, {"type": "null"}]}, {"type": "integer", "nullable": True}),
        (
            {
                "allOf": [
                    {"properties": {"a": {"type": "string"}}, "required": ["a"]},
                    {"properties": {"b": {"type": "integer"}}, "required": ["b"]},
                ]
            },
            {
                "type": "object",
                "required": ["a", "b"],
                "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
            },
        ),
        ({"type": "array"}, {"type": "array", "items": {"type": "string"}}),
        (
            {"items": {"type": "integer", "format": "int32"}},
            {"type": "array", "items": {"type": "integer", "format": "int32"}},
        ),
        ({"type": "string", "format": "email", "$id": "x"}, {"type": "string"}),
        ({"type": "string", "enum": ["a", ""]}, {"type": "string", "enum": ["a"]}),
        ({"type": "integer", "enum": [1, 2]}, {"type": "integer"}),
        ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {"type": "string"}}}),
        (True, {}),
    ],
)
def test_the_subset_has_no_word_for_it(schema: Any, written: Any) -> None:
    assert inner(schema) == written


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/properties/x"},
        {"$ref": "#/$defs/none"},
        {"$ref": "https://example.com/schema"},
        {"allOf": [{"$ref": "#/properties/x"}]},
    ],
)
def test_a_reference_that_never_ends_or_leads_nowhere_is_refused(schema: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        inner(schema)
    assert caught.value.param == "p"


def test_a_reference_that_doubles_itself_is_refused_before_it_fills_the_memory() -> None:
    doubling = {
        f"d{level}": {"type": "object", "properties": {key: {"$ref": f"#/$defs/d{level + 1}"} for key in "ab"}}
        for level in range(25)
    }
    with pytest.raises(InvalidRequestError):
        parameters(
            {"$ref": "#/$defs/d0", "$defs": doubling | {"d25": {"type": "string"}}}, "p", SizeBudget.for_schemas(0)
        )


WORD = {"type": "string", "description": "x" * 10_000}


def test_references_are_written_out_as_long_as_there_is_room_for_a_request_of_that_size() -> None:
    def schema(references: int) -> Any:
        return {"properties": {f"p{n}": {"$ref": "#/$defs/d"} for n in range(references)}, "$defs": {"d": WORD}}

    room = SizeBudget.for_schemas(10_000)
    few = parameters(schema(10), "p", room)["parameters"]
    assert few["properties"] == dict.fromkeys([f"p{n}" for n in range(10)], WORD)
    with pytest.raises(InvalidRequestError) as caught:
        parameters(schema(30), "p", room)  # what other tools of the request took is gone
    assert caught.value.param == "p"
    assert len(parameters(schema(24), "p", SizeBudget.for_schemas(10_000))["parameters"]["properties"]) == 24


@pytest.mark.parametrize("types", [["string"] * 8, ["text"], [["string"]], [5]])
def test_types_that_json_schema_does_not_have_are_refused(types: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        inner({"type": types})
    assert caught.value.param == "p"


def test_a_part_that_refers_to_no_schema_is_refused() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parameters(
            {"allOf": [{"$ref": "#/$defs/d"}], "$defs": {"d": {"properties": 5}}}, "p", SizeBudget.for_schemas(0)
        )
    assert caught.value.param == "p"


def test_a_schema_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        parameters([], "p")
