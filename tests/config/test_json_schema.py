"""The schema accepts what the loader accepts and refuses typing errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct

from proxy.config.json_schema import json_schema
from proxy.config.units import Seconds, Secret, Size
from tests.schemas import validation_errors


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part.

    Not part of the description.
    """

    name: Annotated[str, Meta(pattern="^[a-z]+$")]
    count: Annotated[int, Meta(ge=0, lt=9)] = 3
    share: Annotated[float, Meta(gt=0, le=1)] | None = None
    late: Seconds = Seconds(5)
    room: Size = Size(1024)
    key: Secret | None = None
    on: bool = True
    kind: Literal["a", "b"] = "a"
    words: tuple[str, ...] = ()
    more: list[int] = []
    tables: dict[str, str | int] = {}
    anything: Any = None


@dataclass(frozen=True, slots=True)
class Option:
    """An option."""

    part: Part


VALID = [
    {"name": "x"},
    {"name": "${NAME}", "count": "${COUNT:-3}", "share": "${SHARE}", "on": "${ON}", "late": "${LATE}", "kind": "${K}"},
    {"name": "x", "count": 8, "share": 1, "late": "1.5s", "room": "64KiB", "key": "${file:/run/key}", "kind": "b"},
    {"name": "x", "share": None, "room": 65536, "on": False, "words": ["a"], "more": [1], "tables": {"a": "b", "c": 1}},
    {"name": "x", "late": 0, "key": None, "anything": {"of": ["any", "shape"]}},
]
REFUSED = [
    ({}, "name: is required"),
    ({"name": "x", "nmae": "x"}, "nmae: is not allowed"),
    ({"name": "X"}, "name: "),
    ({"name": "x", "count": 9}, "count: "),
    ({"name": "x", "count": -1}, "count: "),
    ({"name": "x", "count": "many"}, "count: "),
    ({"name": "x", "count": True}, "count: "),
    ({"name": "x", "share": 0}, "share: "),
    ({"name": "x", "late": "5"}, "late: "),
    ({"name": "x", "late": 5}, "late: "),
    ({"name": "x", "room": "64 apples"}, "room: "),
    ({"name": "x", "on": "yes"}, "on: "),
    ({"name": "x", "kind": "c"}, "kind: "),
    ({"name": "x", "words": "a"}, "words: "),
    ({"name": "x", "more": [[]]}, "more[0]: "),
    ({"name": "x", "tables": {"a": []}}, "tables.a: "),
]


@pytest.mark.parametrize("value", VALID)
def test_valid_values_pass_the_schema(value: Any) -> None:
    assert validation_errors(value, json_schema(Part)) == []
    assert validation_errors({"part": value}, json_schema(Option)) == []


@pytest.mark.parametrize(("value", "message"), REFUSED)
def test_invalid_values_are_reported_by_path(value: Any, message: str) -> None:
    (complaint,) = validation_errors(value, json_schema(Part))
    assert complaint.startswith(message)


def test_the_schema_has_descriptions_and_defaults() -> None:
    schema = json_schema(Part)
    assert schema["description"] == "A part."
    assert (schema["properties"]["count"]["default"], schema["properties"]["kind"]["default"]) == (3, "a")
    assert schema["properties"]["late"]["description"] == "a duration such as 500ms, 15s, 5m or 1h"
    assert "default" not in schema["properties"]["key"] and schema["required"] == ["name"]
