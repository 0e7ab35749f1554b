"""Values a person writes with a unit or a variable: `15s`, `32MiB`, `${OPENAI_API_KEY}`."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|KB|KiB|MB|MiB|GB|GiB)?")
_BYTES = {"B": 1, "kB": 10**3, "KB": 10**3, "KiB": 2**10, "MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}

_RATIO = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(%)?")


class Seconds(float):
    """A span of time, in seconds; written `500ms`, `15s`, `5m` or `1h`."""

    expected = "a duration such as 500ms, 15s, 5m or 1h"
    schema = {
        "anyOf": [
            {"type": "string", "pattern": rf"^(0|{_DURATION.pattern})$", "examples": ["15s"]},
            {"type": "integer", "enum": [0]},
        ]
    }

    @classmethod
    def parse(cls, text: str) -> Seconds:
        """ValueError if there is no number, no unit, or another unit."""
        if text == "0":
            return cls(0)
        match = _DURATION.fullmatch(text)
        if match is None:
            raise ValueError(text)
        return cls(float(match[1]) * _SECONDS[match[2]])


class Size(int):
    """An amount of memory, in bytes; written `65536`, `64KiB`, `32MiB`."""

    expected = "a size such as 64KiB or 32MiB"
    schema = {"type": ["string", "integer"], "pattern": rf"^{_SIZE.pattern}$", "examples": ["32MiB"]}

    @classmethod
    def parse(cls, text: str) -> Size:
        """ValueError if it is not a number with a known unit."""
        match = _SIZE.fullmatch(text)
        if match is None:
            raise ValueError(text)
        return cls(float(match[1]) * _BYTES[match[2] or "B"])


class Ratio(float):
    """A part of a whole, from 0 to 1; written `50%` or `0.5`."""

    expected = "a part of a whole such as 50% or 0.5"
    schema = {"type": ["string", "number"], "pattern": r"^\d+(\.\d+)?%?$", "examples": ["50%"]}

    @classmethod
    def parse(cls, text: str) -> Ratio:
        """ValueError if it is no number, or not within 0 and 1."""
        match = _RATIO.fullmatch(text)
        value = float(match[1]) / (100 if match[2] else 1) if match else 2.0
        if not 0 <= value <= 1:
            raise ValueError(text)
        return cls(value)


class Secret:
    """A credential, or in `missing` why there is none, such as `OPENAI_API_KEY is not set`; the value is never shown."""

    expected = "text, ${VARIABLE} or ${file:/path}"
    schema = {"type": "string"}
    __slots__ = ("missing", "value")

    def __init__(self, value: str, missing: str | None = None) -> None:
        self.value = value
        self.missing = missing

    @classmethod
    def parse(cls, text: str) -> Secret:
        """ValueError if it could not stand in a header (RFC 9110, 5.5: visible ASCII)."""
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError(text)
        return cls(text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self.value, self.missing) == (other.value, other.missing)

    def __hash__(self) -> int:
        return hash((self.value, self.missing))

    def __repr__(self) -> str:
        return f"Secret(missing={self.missing!r})" if self.missing else "Secret(***)"
