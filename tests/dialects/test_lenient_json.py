"""JSON that orjson rejects is parsed and serialised if its content can be kept."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.lenient_json import (
    SurrogateJoiner,
    parse,
    parse_or_none,
    serialize,
    to_utf8,
    to_well_formed,
    with_exact_integers,
)

EMOJI = "\U0001f600"
HIGH, LOW = "\ud83d", "\ude00"


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a":[1,2.5,"x",null]}', {"a": [1, 2.5, "x", None]}),
        (b'"a\\ud83d"', "a" + HIGH),
        (b'"\\ude00a"', LOW + "a"),
        (b'"\\ud83d\\ude00"', EMOJI),
        (b'["\\ud83d","\\ud83d\\ude00"]', [HIGH, EMOJI]),
        (b'{"a":NaN,"b":[Infinity,-Infinity]}', {"a": None, "b": [None, None]}),
        (b'"a\xff\xc3"', "a\ufffd\ufffd"),
        (b"1e999", math.inf),
        (b"1" + b"0" * 5000, math.inf),
        (b'[NaN,123456789012345678,1234567890123456789012]', [None, 123456789012345678, 1234567890123456789012.0]),
    ],
)  # fmt: skip
def test_values_that_orjson_rejects_are_parsed(data: bytes, value: Any) -> None:
    assert parse(data) == parse_or_none(data) == value


@pytest.mark.parametrize("data", [b"", b"{", b"oops", b'{"a":1} x', b"[1,]", b"[" * 5000, b"[" * 2000 + b"]" * 2000])
def test_invalid_json_is_rejected(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse(data)
    assert parse_or_none(data) is None


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ({"a": [1, EMOJI]}, f'{{"a":[1,"{EMOJI}"]}}'),
        ({"a" + HIGH: [LOW, {"b": HIGH + LOW}, 1, None]}, f'{{"a\ufffd":["\ufffd",{{"b":"{EMOJI}"}},1,null]}}'),
        (math.inf, "null"),
    ],
)
def test_lone_surrogates_are_replaced_when_serialised(value: Any, data: str) -> None:
    assert serialize(value).decode() == data


def test_values_nested_too_deeply_cannot_be_serialised() -> None:
    with pytest.raises(TypeError):
        serialize(parse(b"[" * 300 + b"]" * 300))


@pytest.mark.parametrize(
    ("data", "valid"), [(b"a", b"a"), ("\u00e9".encode(), "\u00e9".encode()), (b"a\xc3b", "a\ufffdb".encode())]
)
def test_only_invalid_utf_8_is_replaced(data: bytes, valid: bytes) -> None:
    assert to_utf8(data) == valid


@given(st.text(st.sampled_from(["a", "\u00e9", EMOJI, HIGH, LOW]), max_size=8), st.lists(st.integers(0), max_size=6))
def test_joined_pieces_are_the_text_wherever_it_is_cut(text: str, places: list[int]) -> None:
    units = text.encode("utf-16-be", "surrogatepass")
    edges = [0, *sorted(2 * (place % (len(units) // 2 + 1)) for place in places), len(units)]
    pieces = [units[start:end].decode("utf-16-be", "surrogatepass") for start, end in pairwise(edges)]
    joiner = SurrogateJoiner()
    joined = "".join([joiner.join("x", piece) for piece in pieces]) + "\ufffd" * len(joiner.flush())
    assert joined == to_well_formed(text)
    joined.encode()


def test_alternating_texts_do_not_mix() -> None:
    joiner = SurrogateJoiner()
    given = [joiner.join(*piece) for piece in [("a", "1" + HIGH), ("b", "2"), ("b", HIGH), ("a", LOW), ("b", "3")]]
    assert given == ["1", "2", "", EMOJI, "\ufffd3"]
    assert joiner.flush() == []


def test_flush_returns_each_text_once() -> None:
    joiner = SurrogateJoiner()
    joiner.join("a", HIGH)
    joiner.join(7, HIGH)
    assert (joiner.flush(), joiner.flush(), joiner.held) == (["a", 7], [], {})


@pytest.mark.parametrize("data", [
    b"[123456789012345678901234567890,-9223372036854775809,18446744073709551615]", b'{"a":["18446744073709551616",1.5]}',
])  # fmt: skip
def test_integers_over_64_bits_are_kept_where_they_have_to_be_exact(data: bytes) -> None:
    assert serialize(with_exact_integers(parse(data), data)) == data


def test_an_integer_of_thousands_of_digits_and_infinity_stay_valid_json() -> None:
    data = b"[" + b"1" * 5000 + b",1e999,123456789012345678901234567890]"
    assert serialize(with_exact_integers(parse(data), data)) == b"[null,null,123456789012345678901234567890]"
