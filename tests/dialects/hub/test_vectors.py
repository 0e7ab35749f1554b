"""Vectors are numbers, or their bytes in base64."""

from __future__ import annotations

import base64
import math
import struct

import orjson
import pytest
from msgspec import Raw

from proxy.dialects.hub.vectors import encode_vector, normalized, to_base64
from proxy.errors import MalformedResponse

NUMBERS = [0.1, -2.5, 3.0]


def encoded(text: str, *, is_base64: bool = False, is_normalized: bool = False) -> object:
    return orjson.loads(bytes(encode_vector(Raw(text.encode()), is_base64=is_base64, is_normalized=is_normalized)))


def test_base64_is_that_of_little_endian_floats() -> None:
    assert base64.b64decode(to_base64(NUMBERS)) == struct.pack("<3f", *NUMBERS)
    assert encoded("[0.1, -2.5, 3]", is_base64=True) == to_base64(NUMBERS).decode()


def test_numbers_pass_as_they_were_written() -> None:
    assert bytes(encode_vector(Raw(b"[0.10, 1e-7, 3]"), is_base64=False, is_normalized=False)) == b"[0.10, 1e-7, 3]"


def test_a_vector_is_scaled_to_the_length_1() -> None:
    assert encoded("[3, 4]", is_normalized=True) == [0.6, 0.8]
    assert encoded("[3, 4]", is_normalized=True, is_base64=True) == to_base64([0.6, 0.8]).decode()
    assert normalized([0.0, 0.0]) == [0.0, 0.0] and math.isclose(math.hypot(*normalized(NUMBERS)), 1)


def test_a_vector_in_base64_becomes_numbers_where_they_were_asked_for() -> None:
    packed = b'"%b"' % to_base64([0.5, -2.5])
    assert encoded(packed.decode()) == [0.5, -2.5]
    assert bytes(encode_vector(Raw(packed), is_base64=True, is_normalized=False)) == packed


@pytest.mark.parametrize(
    "text",
    ['""', '"AAA"', '"AAAAAAA="', '"\u00e9"', "[]", "{}", "null", '"!!!!"', "[null]", '["1"]', "[[1]]", "[true]"],
)
def test_anything_else_is_a_malformed_response(text: str) -> None:
    with pytest.raises(MalformedResponse, match="vector"):
        encoded(text)


def test_a_number_that_is_no_32_bit_float_is_a_malformed_response() -> None:
    with pytest.raises(MalformedResponse, match="too large"):
        encoded("[1e300]", is_base64=True)
