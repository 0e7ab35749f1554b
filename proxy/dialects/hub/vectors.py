"""Reads and writes vectors: lists of numbers in JSON, or their bytes as 32-bit floats in base64, as OpenAI has them."""

from __future__ import annotations

import math
import sys
from array import array
from base64 import b64encode

import msgspec
import orjson
from msgspec import Raw

from proxy.errors import MalformedResponse

_numbers = msgspec.json.Decoder(list[float]).decode


def numbers_of(vector: Raw | bytes) -> list[float]:
    """Return the numbers of a vector. Raises MalformedResponse if it is anything but a list of them, or empty."""
    try:
        numbers = _numbers(vector)
    except msgspec.MsgspecError as error:
        raise MalformedResponse("the provider answered with an invalid vector") from error
    if not numbers:
        raise MalformedResponse("the provider answered with an empty vector")
    return numbers


def encode_vector(vector: Raw, *, is_base64: bool, is_normalized: bool) -> Raw:
    """Return the JSON of a vector, in base64 or as the numbers that the provider wrote.

    `is_normalized`: scale it to the length 1. Raises MalformedResponse.
    """
    numbers = numbers_of(vector)
    if is_normalized:
        numbers = normalized(numbers)
    if is_base64:
        return Raw(b'"%b"' % to_base64(numbers))
    return Raw(orjson.dumps(numbers)) if is_normalized else vector


def normalized(numbers: list[float]) -> list[float]:
    """Return the vector scaled to the length 1. One of zeros stays as it is."""
    length = math.hypot(*numbers)
    return [number / length for number in numbers] if length else numbers


def to_base64(numbers: list[float]) -> bytes:
    """Return the vector as little-endian 32-bit floats in base64."""
    floats = array("f", numbers)
    if sys.byteorder == "big":
        floats.byteswap()
    return b64encode(floats)
