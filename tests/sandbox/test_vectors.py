"""Simulated vectors tell texts apart, and have the length 1."""

from __future__ import annotations

import base64
import json
import math

import orjson

from proxy.sandbox.vectors import as_base64, as_numbers, unit_vector


def test_equal_texts_get_equal_vectors() -> None:
    assert unit_vector("a", 8) == unit_vector("a", 8) != unit_vector("b", 8)


def test_both_ways_to_write_a_vector_are_the_same_numbers() -> None:
    vector = unit_vector("a", 8)
    numbers = json.loads(orjson.dumps(as_numbers(vector)))
    assert base64.b64decode(as_base64(vector)) == vector
    assert len(numbers) == 8 and math.isclose(math.hypot(*numbers), 1, abs_tol=1e-6)
