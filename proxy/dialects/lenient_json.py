"""Lenient JSON: parses what providers send and orjson rejects, such as lone surrogates and NaN, and serialises it."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

_MAX_INT_DIGITS = 18
"""Any integer of so many digits fits into 64 bits."""
_LONG_NUMBER = re.compile(f"[0-9]{{{_MAX_INT_DIGITS + 1}}}")
_MAX_EXACT_DIGITS = 1000
_DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_LONG_ZEROS = b"0" * (_MAX_INT_DIGITS + 1)
REPLACEMENT = "\ufffd"


def parse(data: bytes) -> Any:
    """Parse JSON. Raises ValueError for invalid JSON.

    Also accepts lone surrogates (which stay in the strings), NaN and Infinity (as None), integers over 64 bits (as floats)
    and bytes that are not UTF-8 (as U+FFFD).
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return _parse_leniently(data)


def parse_or_none(data: bytes) -> Any:
    """Parse JSON. Returns None for invalid JSON and for null."""
    try:
        return parse(data)
    except ValueError:
        return None


def with_exact_integers(value: Any, data: bytes) -> Any:
    """Return what `parse` made of the data, with integers over 64 bits as they are, for what is passed on as text.

    Data that is not JSON, or nested too deeply for that, changes nothing.
    """
    if _LONG_ZEROS not in data.translate(_DIGITS_AS_ZEROS):  # many times faster than the pattern
        return value
    try:
        return _decode(_exact_decoder, data.decode("utf-8", "replace"))
    except ValueError:
        return value


def _parse_leniently(data: bytes) -> Any:
    text = data.decode("utf-8", "replace")
    return _decode(_decoder_of_long_numbers if _LONG_NUMBER.search(text) else _decoder, text)


def _decode(decoder: json.JSONDecoder, text: str) -> Any:
    try:
        return decoder.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_INT_DIGITS else float(digits)


def _exact_integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_EXACT_DIGITS else float(digits)


_decoder = json.JSONDecoder(parse_constant=lambda _: None)
_decoder_of_long_numbers = json.JSONDecoder(parse_int=_integer, parse_constant=lambda _: None)
_exact_decoder = json.JSONDecoder(parse_int=_exact_integer, parse_constant=lambda _: None)
_encoder = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))


def to_utf8(data: bytes) -> bytes:
    """Return the bytes with invalid UTF-8 replaced by U+FFFD."""
    if data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()
    return data


def serialize(value: Any) -> bytes:
    """Serialise to JSON. Lone surrogates are replaced. Raises TypeError or RecursionError if nested over 254 levels."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # In C, unlike a walk through the value. What it writes is parsed once more because orjson checks and formats it.
        encoded = to_well_formed(_encoder.encode(value)).encode()
        checked, exact = orjson.dumps(parse(encoded)), with_exact_integers(None, encoded)
        return checked if exact is None else _encoder.encode(exact).encode()


def to_well_formed(text: str) -> str:
    """Return the text with pairs of surrogates joined to one character and lone ones replaced by U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class SurrogateJoiner:
    """Joins surrogate pairs that are split over two pieces of a text.

    A high surrogate at the end of a piece is held back and put in front of the next piece of the same text. Pieces of
    several texts may alternate. Each text has a key.
    """

    def __init__(self) -> None:
        self.held: dict[Any, str] = {}
        """High surrogates held back, by key."""

    def join(self, key: Any, piece: str) -> str:
        """Return what was held back plus the piece, without a high surrogate at its end. Lone surrogates become U+FFFD."""
        piece = self.held.pop(key, "") + piece
        if "\ud800" <= piece[-1:] <= "\udbff":
            self.held[key], piece = piece[-1], piece[:-1]
        return to_well_formed(piece)

    def flush(self) -> list[Any]:
        """Discard what is held back and return the keys of those texts. Each needs one U+FFFD in its place."""
        keys = list(self.held)
        self.held.clear()
        return keys
