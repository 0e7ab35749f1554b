"""Simulated vectors tell texts apart, and have the length 1."""

from __future__ import annotations

import base64
import json
import math

import orjson

from proxy.sandbox.vectors import NUMBER_TYPES, as_base64, as_numbers, unit_vector


def test_equal_texts_get_equal_vectors() -> None:
    assert unit_vector("a", 8) == unit_vector("a", 8) != unit_vector("b", 8)


def test_both_ways_to_write_a_vector_are_the_same_numbers() -> None:
    vector = unit_vector("a", 8)
    numbers = json.loads(orjson.dumps(as_numbers(vector)))
    assert base64.b64decode(as_base64(vector)) == vector
    assert len(numbers) == 8 and math.isclose(math.hypot(*numbers), 1, abs_tol=1e-6)


def test_types_of_numbers_are_in_their_range() -> None:
    vector = unit_vector("a", 64)
    sizes = {name: len(json.loads(orjson.dumps(write(vector)))) for name, write in NUMBER_TYPES.items()}
    assert sizes == {"float": 64, "int8": 64, "uint8": 64, "binary": 8, "ubinary": 8}
    assert all(-128 <= number <= 127 for name in ("int8", "binary") for number in NUMBER_TYPES[name](vector))
    assert all(0 <= number <= 255 for name in ("uint8", "ubinary") for number in NUMBER_TYPES[name](vector))
