"""Reads and writes vectors: lists of numbers in JSON, or their bytes as 32-bit floats in base64, as OpenAI has them."""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from struct import pack, unpack

import msgspec
import orjson
from msgspec import Raw

from proxy.errors import MalformedResponse

_decode = msgspec.json.Decoder(list[float] | str).decode
_FLOAT_BYTES = 4


def numbers_of(vector: Raw) -> list[float]:
    """Return the numbers of a vector in either form. Raises MalformedResponse if it is anything else, or empty."""
    try:
        value = _decode(vector)
        numbers = from_base64(value) if isinstance(value, str) else value
    except ValueError as error:
        raise MalformedResponse("the provider answered with an invalid vector") from error
    if not numbers:
        raise MalformedResponse("the provider answered with an empty vector")
    return numbers


def encode_vector(vector: Raw, *, is_base64: bool, is_normalized: bool) -> Raw:
    """Return the JSON of a vector, in base64 or as numbers: as the provider wrote it if that is the same.

    `is_normalized`: scale it to the length 1. Raises MalformedResponse.
    """
    numbers = numbers_of(vector)
    was_base64 = bytes(vector).startswith(b'"')
    if is_normalized:
        numbers = normalized(numbers)
    elif is_base64 == was_base64:
        return vector
    return Raw(b'"%b"' % to_base64(numbers) if is_base64 else orjson.dumps(numbers))


def normalized(numbers: list[float]) -> list[float]:
    """Return the vector scaled to the length 1. One of zeros stays as it is."""
    length = math.hypot(*numbers)
    return [number / length for number in numbers] if length else numbers


def from_base64(text: str) -> list[float]:
    """Return the numbers of a vector in base64. Raises ValueError if it is not one."""
    packed = b64decode(text, validate=True)
    if len(packed) % _FLOAT_BYTES:
        raise ValueError("not a whole number of floats")
    return list(unpack(f"<{len(packed) // _FLOAT_BYTES}f", packed))


def to_base64(numbers: list[float]) -> bytes:
    """Return the vector as little-endian 32-bit floats in base64. Raises MalformedResponse for a number that is too large."""
    try:
        return b64encode(pack(f"<{len(numbers)}f", *numbers))
    except OverflowError as error:
        raise MalformedResponse("the provider answered with a number too large for a vector") from error
