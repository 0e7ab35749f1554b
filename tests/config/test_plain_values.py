"""Values whose shape is that of JSON: what is not in quotes may be a number, a boolean or null."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.config.document import parse
from proxy.config.plain_values import JsonValue, PolicyWords, plain_value
from proxy.config.typed_loader import INVALID, Location, TypedLoader


def loaded(text: str, kind: Any = JsonValue) -> tuple[Any, list[str]]:
    document = parse(f"value: {text}")
    loader = TypedLoader(document, {"NUMBER": "5", "NAME": "x"}, str)
    found = loader.load(Location(document.root.value[0][1], "value"), kind)
    return found, [str(problem) for problem in document.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("text", "text"),
        ("'7'", "7"),
        ("7", 7),
        ("-0.5", -0.5),
        ("1e3", 1000.0),
        ("007", "007"),
        ("true", True),
        ("'true'", "true"),
        ("no", "no"),
        ("null", None),
        ("", None),
        ("'null'", "null"),
        ("${NUMBER}", 5),
        ("'${NUMBER}'", "5"),
        ("${NAME}-1", "x-1"),
        ("${UNSET:-d}", "d"),
        ("[1, a, [true]]", [1, "a", [True]]),
        ("{a: {b: [1]}, c: ''}", {"a": {"b": [1]}, "c": ""}),
    ],
)
def test_a_value_is_plain(text: str, value: Any) -> None:
    found, problems = loaded(text)
    assert (found, problems) == (value, []) and type(found) is type(value)


@pytest.mark.parametrize("text", ["${UNSET}", "[a, '${UNSET}']", "{a: {b: '${UNSET}'}}"])
def test_an_unset_variable_is_an_error(text: str) -> None:
    found, problems = loaded(text)
    assert found is INVALID and "variable UNSET is not set" in problems[0]


def test_every_value_has_its_place() -> None:
    document = parse("value: {a: [1, {b: 2}]}")
    plain_value(TypedLoader(document, {}, str), Location(document.root.value[0][1], "value"))
    columns = {path: mark.column + 1 for path, mark in document.marks.items()}
    assert columns["value.a[0]"] == 13 and columns["value.a[1].b"] == 20


def test_a_policy_is_a_mapping_with_its_path() -> None:
    found, problems = loaded("{include_providers: [a, b]}", PolicyWords)
    assert (found.path, found.members, problems) == ("value", {"include_providers": ["a", "b"]}, [])
    assert found != loaded("{include_providers: [a, b]}", PolicyWords)[0]


@pytest.mark.parametrize(("text", "shape"), [("[a]", "a list"), ("word", "text"), ("5", "'5'")])
def test_a_policy_of_another_shape_is_an_error(text: str, shape: str) -> None:
    assert loaded(text, PolicyWords) == (INVALID, [f"1:8: value: expected a mapping, got {shape}"])
