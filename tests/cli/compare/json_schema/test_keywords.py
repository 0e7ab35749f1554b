"""The keywords that assert something of one value."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.cli.compare.json_schema.keywords import ASSERTIONS, TYPES, hashable, type_name


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        ([1], [True], False),
        (0, False, False),
        ({"a": [1, {"b": None}]}, {"a": [1.0, {"b": None}]}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([["a", 1]], {"a": 1}, False),
        ("1", 1, False),
        ([], {}, False),
    ],
)
def test_values_are_equal_as_in_json(left: Any, right: Any, equal: bool) -> None:
    assert (hashable(left) == hashable(right)) is equal


@pytest.mark.parametrize(
    ("keyword", "argument", "valid", "invalid"),
    [
        ("type", "integer", [1, 1.0, -3], [1.5, True, "1", None]),
        ("type", "number", [1, 1.5], [False, "1"]),
        ("type", ["string", "null"], ["", None], [0, []]),
        ("enum", ["a", 1, None], ["a", 1.0, None], ["b", True]),
        ("const", False, [False], [0, None]),
        ("minimum", 2, [2, 3.5], [1.9]),
        ("maximum", 2, [2, -1], [2.1]),
        ("exclusiveMinimum", 2, [2.1], [2]),
        ("exclusiveMaximum", 2, [1.9], [2]),
        ("multipleOf", 0.1, [0.3, 1, 1e300], [0.35]),
        ("minLength", 2, ["ab", "日本"], ["日"]),
        ("maxLength", 2, ["ab"], ["abc"]),
        ("pattern", "^a", ["ab"], ["ba"]),
        ("format", "date", ["2026-01-02"], ["soon"]),
        ("minItems", 1, [[1]], [[]]),
        ("maxItems", 1, [[1]], [[1, 2]]),
        ("uniqueItems", True, [[1, 2, True]], [[1, 1.0], [{}, {}]]),
        ("uniqueItems", False, [[1, 1]], []),
        ("minProperties", 1, [{"a": 1}], [{}]),
        ("maxProperties", 1, [{"a": 1}], [{"a": 1, "b": 2}]),
    ],
)
def test_a_keyword_tells_valid_values_from_invalid_ones(
    keyword: str, argument: Any, valid: list[Any], invalid: list[Any]
) -> None:
    holds = ASSERTIONS[keyword].holds
    assert [value for value in valid if not holds(value, argument)] == []
    assert [value for value in invalid if holds(value, argument)] == []


def test_every_value_has_a_type() -> None:
    assert [type_name(value) for value in ({}, [], "", 1.5, True, None)] == [
        "object",
        "array",
        "string",
        "number",
        "boolean",
        "null",
    ]
    assert {"integer", *map(type_name, ({}, [], "", 1.5, True, None))} == set(TYPES)
