from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.coerce import (
    arguments_of,
    content_of,
    count_of,
    count_or_none,
    object_of,
    objects_of,
    text_of,
)
from proxy.errors import MalformedResponse

VALUES = [None, True, 3, "a", ["b"], {"c": 1}]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_of_the_wrong_type_becomes_the_empty_value(value: Any) -> None:
    assert object_of(value) == (value if value == {"c": 1} else {})
    assert text_of(value) == (value if value == "a" else "")
    assert objects_of(value) == []


def test_only_the_objects_of_a_list_are_kept() -> None:
    assert objects_of([1, {"a": 1}, None, {}]) == [{"a": 1}, {}]


@pytest.mark.parametrize("value, text", [(None, ""), ("", ""), ("a", "a")])
def test_content_may_be_text_or_null(value: Any, text: str) -> None:
    assert content_of(value) == text


@pytest.mark.parametrize("value", [True, 3, [], ["b"], {"c": 1}])
def test_content_of_another_type_is_a_malformed_response(value: Any) -> None:
    with pytest.raises(MalformedResponse, match="not a string"):
        content_of(value)


@pytest.mark.parametrize("arguments, text", [(None, ""), ("", ""), ('{"a":1}', '{"a":1}'), ({"a": 1}, '{"a":1}')])
def test_arguments_become_text(arguments: Any, text: str) -> None:
    assert arguments_of(arguments) == text


@pytest.mark.parametrize("value, count", [(None, None), (3.0, 3), ("3", 0)])
def test_a_missing_count_is_none(value: Any, count: int | None) -> None:
    assert count_or_none(value) == count


@pytest.mark.parametrize(
    "value, count", [(3, 3), (3.0, 3), (None, 0), ("3", 0), (float("nan"), 0), (1e300, 0), (-1, 0), ([], 0)]
)
def test_counts_become_integers(value: Any, count: int) -> None:
    assert count_of(value) == count
