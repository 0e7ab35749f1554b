from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.shapes import count_of, object_of, objects_of, text_of

SHAPES = [None, True, 3, "a", ["b"], {"c": 1}]


@pytest.mark.parametrize("value", SHAPES)
def test_what_has_another_shape_counts_as_nothing(value: Any) -> None:
    assert object_of(value) == (value if value == {"c": 1} else {})
    assert text_of(value) == (value if value == "a" else "")
    assert objects_of(value) == []


def test_the_objects_of_a_list_are_left() -> None:
    assert objects_of([1, {"a": 1}, None, {}]) == [{"a": 1}, {}]


@pytest.mark.parametrize(
    "value, count", [(3, 3), (3.0, 3), (None, 0), ("3", 0), (float("nan"), 0), (1e300, 0), (-1, 0), ([], 0)]
)
def test_counts_are_whole_numbers(value: Any, count: int) -> None:
    assert count_of(value) == count
