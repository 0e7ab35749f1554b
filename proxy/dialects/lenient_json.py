"""Lenient JSON: parses and writes what providers send and orjson refuses, such as lone surrogates."""

from __future__ import annotations

import json
from typing import Any

import orjson

_LARGEST = 18
"""Digits of an integer that fits into 64 bits, whatever they are."""
REPLACEMENT = "\ufffd"


def parse(data: bytes) -> Any:
    """Parse JSON. Raises ValueError for what is not JSON.

    Also accepts lone surrogates (which stay in the strings), NaN and Infinity (as None), integers over 64 bits (as floats)
    and bytes that are not UTF-8 (as U+FFFD)."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return _parse_leniently(data)


def parse_or_none(data: bytes) -> Any:
    """Parse JSON; None for what is not JSON, and for null."""
    try:
        return parse(data)
    except ValueError:
        return None


def _parse_leniently(data: bytes) -> Any:
    try:
        return _decoder.decode(data.decode("utf-8", "replace"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LARGEST else float(digits)


_decoder = json.JSONDecoder(parse_int=_integer, parse_constant=lambda _: None)


def to_utf8(data: bytes) -> bytes:
    """Return the bytes, with what is not UTF-8 replaced by U+FFFD."""
    if data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()
    return data


def serialize(value: Any) -> bytes:
    """Serialise to JSON; lone surrogates are replaced. Raises TypeError or RecursionError if nested over 254 levels."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(_without_lone_surrogates(value))


def to_well_formed(text: str) -> str:
    """Return the text with pairs of surrogates joined to one character and lone ones replaced by U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _without_lone_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return to_well_formed(value)
    if isinstance(value, dict):
        return {_without_lone_surrogates(name): _without_lone_surrogates(member) for name, member in value.items()}
    return [_without_lone_surrogates(item) for item in value] if isinstance(value, list) else value


class SurrogateJoiner:
    """Joins surrogate pairs that are split over two pieces of a text. Pieces of several texts may alternate, each with a key.

    A high surrogate at the end of a piece is held back and put in front of the next piece of the same text."""

    def __init__(self) -> None:
        self.held: dict[Any, str] = {}
        """High surrogates held back, by key."""

    def join(self, key: Any, piece: str) -> str:
        """Return the piece, with what was held back in front and less a high surrogate at its end."""
        piece = self.held.pop(key, "") + piece
        if "\ud800" <= piece[-1:] <= "\udbff":
            self.held[key], piece = piece[-1], piece[:-1]
        return to_well_formed(piece)

    def flush(self) -> list[Any]:
        """Drop what is held back, and return the keys of those texts; each is due one U+FFFD."""
        keys = list(self.held)
        self.held.clear()
        return keys
