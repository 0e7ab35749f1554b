"""What a JSON Schema asserts is checked, or the schema is refused."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.cli.compare.json_schema.keywords import ASSERTIONS
from proxy.cli.compare.json_schema.problems import schema_problems
from proxy.cli.compare.json_schema.validator import APPLICATORS


@pytest.mark.parametrize(
    ("schema", "path", "message"),
    [
        (1, "", "a JSON Schema must be an object, true or false"),
        ({"properties": {"a": 1}}, ".properties.a", "a JSON Schema must be an object, true or false"),
        (
            {"type": "text"},
            ".type",
            "must be one of object, array, string, number, integer, boolean, null, or a list of them",
        ),
        ({"type": []}, ".type", "must be one of object"),
        ({"minLenght": 1}, ".minLenght", "a keyword that cannot be checked; did you mean 'minLength'?"),
        ({"if": {}}, ".if", "a keyword that cannot be checked; known: $defs, $ref"),
        ({"anyOf": [{}, {"then": {}}]}, ".anyOf[1].then", "a keyword that cannot be checked"),
        ({"items": [{}]}, ".items", "must be a schema"),
        ({"anyOf": []}, ".anyOf", "must be a list of schemas that is not empty"),
        ({"pattern": "("}, ".pattern", "not a regular expression: "),
        ({"patternProperties": {"(": {}}}, ".patternProperties", "not a regular expression: "),
        ({"patternProperties": []}, ".patternProperties", "must be an object"),
        ({"format": "iso-date"}, ".format", "must be one of date-time, date, "),
        ({"required": "a"}, ".required", "must be a list of names"),
        ({"minimum": "1"}, ".minimum", "must be a number"),
        ({"minLength": -1}, ".minLength", "must be a whole number from 0 on"),
        ({"multipleOf": 0}, ".multipleOf", "must be a number above 0"),
        ({"$ref": "#/$defs/a"}, ".$ref", "must point to a schema within this one, such as #/$defs/name"),
        ({"$ref": "https://example.com/a"}, ".$ref", "must point to a schema within this one"),
        ({"$defs": {"a": {"enum": 1}}}, ".$defs.a.enum", "must be a list"),
    ],
)
def test_a_problem_has_its_place(schema: Any, path: str, message: str) -> None:
    ((where, text),) = schema_problems(schema)
    assert (where, text[: len(message)]) == (path, message)


def test_every_problem_is_reported() -> None:
    assert len(schema_problems({"type": "x", "properties": {"a": {"if": {}}, "b": 1}, "minimum": []})) == 4


def test_annotations_assert_nothing() -> None:
    assert schema_problems({"title": "a", "description": "b", "default": 1, "$schema": "x", "examples": [1]}) == []


def test_every_keyword_that_is_accepted_is_checked() -> None:
    accepted = {
        keyword for keyword in [*ASSERTIONS, *APPLICATORS] if "cannot" not in str(schema_problems({keyword: None}))
    }
    assert accepted == {*ASSERTIONS, *APPLICATORS}
