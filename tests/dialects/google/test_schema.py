"""Tool parameters stay JSON Schema, or are rewritten to the subset that older models accept."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.google.schema import SizeBudget, parameters
from proxy.errors import InvalidRequestError

WITH_REFS_AND_UNIONS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "a": {"$ref": "#/$defs/word"},
        "b": {"type": ["string", "null"]},
        "c": {"const": "x"},
    },
    "$defs": {"word": {"type": "string", "minLength": 1}},
    "additionalProperties": False,
}


def test_without_a_budget_the_schema_stays_json_schema() -> None:
    assert parameters(WITH_REFS_AND_UNIONS, "p") == {"parametersJsonSchema": WITH_REFS_AND_UNIONS}


def test_with_a_budget_refs_unions_and_constants_are_rewritten() -> None:
    assert parameters(WITH_REFS_AND_UNIONS, "p", SizeBudget.for_schemas(0))["parameters"] == {
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
@pytest.mark.parametrize("budget", [SizeBudget.for_schemas(0), None])
def test_an_object_without_properties_is_omitted(schema: Any, budget: SizeBudget | None) -> None:
    assert parameters(schema, "p", budget) == {}


def rewritten_property(schema: Any) -> Any:
    outer = {"type": "object", "properties": {"x": schema}}
    return parameters(outer, "p", SizeBudget.for_schemas(0))["parameters"]["properties"]["x"]


@pytest.mark.parametrize(
    ("schema", "rewritten"),
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
def test_unsupported_keywords_are_rewritten_or_dropped(schema: Any, rewritten: Any) -> None:
    assert rewritten_property(schema) == rewritten


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
def test_a_recursive_or_dangling_reference_is_rejected(schema: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        rewritten_property(schema)
    assert caught.value.param == "p"


def test_references_that_expand_exponentially_are_rejected() -> None:
    doubling = {
        f"d{level}": {"type": "object", "properties": {key: {"$ref": f"#/$defs/d{level + 1}"} for key in "ab"}}
        for level in range(25)
    }
    with pytest.raises(InvalidRequestError):
        parameters(
            {"$ref": "#/$defs/d0", "$defs": doubling | {"d25": {"type": "string"}}}, "p", SizeBudget.for_schemas(0)
        )


LONG_STRING = {"type": "string", "description": "x" * 10_000}


def test_references_are_expanded_within_the_budget_of_the_request() -> None:
    def schema(references: int) -> Any:
        return {"properties": {f"p{n}": {"$ref": "#/$defs/d"} for n in range(references)}, "$defs": {"d": LONG_STRING}}

    budget = SizeBudget.for_schemas(10_000)
    few = parameters(schema(10), "p", budget)["parameters"]
    assert few["properties"] == dict.fromkeys([f"p{n}" for n in range(10)], LONG_STRING)
    with pytest.raises(InvalidRequestError) as caught:
        parameters(schema(30), "p", budget)  # 10 of the budget's references are used up
    assert caught.value.param == "p"
    assert len(parameters(schema(24), "p", SizeBudget.for_schemas(10_000))["parameters"]["properties"]) == 24


@pytest.mark.parametrize("types", [["string"] * 8, ["text"], [["string"]], [5]])
def test_an_invalid_type_is_rejected(types: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        rewritten_property({"type": types})
    assert caught.value.param == "p"


def test_a_reference_to_an_invalid_schema_is_rejected() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parameters(
            {"allOf": [{"$ref": "#/$defs/d"}], "$defs": {"d": {"properties": 5}}}, "p", SizeBudget.for_schemas(0)
        )
    assert caught.value.param == "p"


def test_a_schema_that_is_not_an_object_is_rejected() -> None:
    with pytest.raises(InvalidRequestError):
        parameters([], "p")
