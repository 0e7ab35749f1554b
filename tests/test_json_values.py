"""The number of values in a JSON text is known before it is parsed."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.json_values import VALUES_PER_CONTAINER, count_values

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('\\",[]{}:a', max_size=8),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('\\",[{a', max_size=4), inner),
    max_leaves=30,
)


def number_of_values(value: Any) -> int:
    """Count one for each value, and as many more for an array or object as it counts in addition to its members."""
    if not isinstance(value, (dict, list)):
        return 1
    inner = list(value.values()) if isinstance(value, dict) else value
    return VALUES_PER_CONTAINER + (sum(map(number_of_values, inner)) if inner else 1)


@given(JSON, st.integers(1, 60), st.booleans())
def test_a_text_with_more_values_than_allowed_is_recognised_and_no_other(value: Any, most: int, indented: bool) -> None:
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indented else None)
    actual, counted = number_of_values(value), count_values(text, most)
    assert (counted > most) is (actual > most)
    assert counted >= min(actual, most + 1)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b'"' + b"," * 1000 + b'"', 1),
        (b'"' + b'\\",' * 1000 + b'"', 1),
        (b'{"a,\\\\":[1,"[[["]}', 18),
        (b'["\\\\","\\\\"]', 10),
    ],
)
def test_separators_within_strings_are_no_values(text: bytes, values: int) -> None:
    orjson.loads(text)
    assert count_values(text, 2) == values if values <= 2 else count_values(text, 2) > 2
    assert count_values(text, 4) <= max(values, 4)


def test_a_text_of_nothing_but_quotes_is_not_taken_apart() -> None:
    assert count_values(b'["",' + b'"",' * 1000 + b'""]', 100) > 100
    assert count_values(b'"' * 100_000 + b"," * 101, 100) > 100
