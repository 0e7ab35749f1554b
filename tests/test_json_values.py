"""The number of values in a JSON text is known before it is parsed."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.json_values import count_values

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('\\",[]{}:a', max_size=8),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('\\",[{a', max_size=4), inner),
    max_leaves=30,
)


def number_of_values(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(number_of_values, inner))


@given(JSON, st.integers(1, 60), st.booleans())
def test_a_text_with_more_values_than_allowed_is_recognised_and_no_other(value: Any, most: int, indented: bool) -> None:
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indented else None)
    actual, counted = number_of_values(value), count_values(text, most)
    assert (counted > most) is (actual > most) or _has_empty(value)
    assert counted >= min(actual, most + 1)


def _has_empty(value: Any) -> bool:
    """Return whether there is an empty array or object, whose bracket counts as if it had a value."""
    if not isinstance(value, (dict, list)):
        return False
    inner = list(value.values()) if isinstance(value, dict) else value
    return not inner or any(map(_has_empty, inner))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b'"' + b"," * 1000 + b'"', 1),
        (b'"' + b'\\",' * 1000 + b'"', 1),
        (b'{"a,\\\\":[1,"[[["]}', 4),
        (b'["\\\\","\\\\"]', 3),
    ],
)
def test_separators_within_strings_are_no_values(text: bytes, values: int) -> None:
    orjson.loads(text)
    assert count_values(text, 2) == values if values <= 2 else count_values(text, 2) > 2
    assert count_values(text, 4) <= max(values, 4)


def test_a_text_of_nothing_but_quotes_is_not_taken_apart() -> None:
    assert count_values(b'["",' + b'"",' * 1000 + b'""]', 100) > 100
    assert count_values(b'"' * 100_000 + b"," * 101, 100) > 100
