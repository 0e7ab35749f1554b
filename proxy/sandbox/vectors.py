"""The vectors of simulated embeddings: equal texts get equal vectors of the length 1."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

import orjson


def unit_vector(text: str, size: int) -> bytes:
    """Return a unit vector as little-endian 32-bit floats."""
    numbers = [byte - 127.5 for byte in hashlib.shake_256(text.encode()).digest(size)]
    length = math.hypot(*numbers)
    return struct.pack(f"<{size}f", *(number / length for number in numbers))


def as_base64(vector: bytes) -> str:
    """Return a vector as OpenAI sends it on request."""
    return base64.b64encode(vector).decode()


def as_numbers(vector: bytes) -> orjson.Fragment:
    """Return a vector as JSON, which takes less memory than its numbers."""
    return orjson.Fragment(orjson.dumps(struct.unpack(f"<{len(vector) // 4}f", vector)))


NUMBER_TYPES: Mapping[str, Callable[[bytes], Any]] = {
    "float": as_numbers,
    "int8": lambda vector: [byte - 128 for byte in vector[::4]],
    "uint8": lambda vector: list(vector[::4]),
    "binary": lambda vector: [byte - 128 for byte in vector[::32]],
    "ubinary": lambda vector: list(vector[::32]),
}
"""Type of numbers -> how a vector is written in it."""
