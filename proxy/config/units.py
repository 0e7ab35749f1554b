"""Parses scalars of routing.yaml: booleans, numbers, durations (`15s`), sizes (`32MiB`), ratios (`50%`) and secrets."""

from __future__ import annotations

import re
from math import isfinite

_INTEGER = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|KB|KiB|MB|MiB|GB|GiB)?")
_BYTES = {"B": 1, "kB": 10**3, "KB": 10**3, "KiB": 2**10, "MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}

_RATIO = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(%)?")


def parse_boolean(text: str) -> bool:
    """Parse `true` or `false`. Raises ValueError for anything else."""
    # YAML 1.1 also allows yes, no, on and off, which turns Norway's country code into false.
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def parse_integer(text: str) -> int:
    """Parse a decimal integer. Raises ValueError."""
    if not _INTEGER.fullmatch(text):
        raise ValueError(text)
    return int(text)


def parse_number(text: str) -> float:
    """Parse a finite decimal number. Raises ValueError."""
    if not _NUMBER.fullmatch(text) or not isfinite(number := float(text)):
        raise ValueError(text)
    return number


class Seconds(float):
    """A duration in seconds, written `500ms`, `15s`, `5m` or `1h`."""

    expected = "a duration such as 500ms, 15s, 5m or 1h"
    schema = {
        "anyOf": [
            {"type": "string", "pattern": rf"^(0|{_DURATION.pattern})$", "examples": ["15s"]},
            {"type": "integer", "enum": [0]},
        ]
    }

    @classmethod
    def parse(cls, text: str) -> Seconds:
        """Parse a duration. Raises ValueError without a number and a known unit."""
        if text == "0":
            return cls(0)
        match = _DURATION.fullmatch(text)
        if match is None:
            raise ValueError(text)
        return cls(float(match[1]) * _SECONDS[match[2]])

    @property
    def written(self) -> str:
        """How the file writes it, in seconds."""
        return f"{self:g}s"


class Size(int):
    """A size in bytes, written `65536`, `64KiB` or `32MiB`."""

    expected = "a size such as 64KiB or 32MiB"
    schema = {
        "anyOf": [
            {"type": "string", "pattern": rf"^{_SIZE.pattern}$", "examples": ["32MiB"]},
            {"type": "integer", "minimum": 0},
        ]
    }

    @classmethod
    def parse(cls, text: str) -> Size:
        """Parse a size. Raises ValueError unless it is a number with a known unit or none."""
        match = _SIZE.fullmatch(text)
        if match is None:
            raise ValueError(text)
        return cls(float(match[1]) * _BYTES[match[2] or "B"])

    @property
    def written(self) -> str:
        """How the file writes it: in the largest unit of which it is a multiple."""
        unit = next((name for name in ("GiB", "MiB", "KiB") if self and self % _BYTES[name] == 0), None)
        return f"{self // _BYTES[unit]}{unit}" if unit else str(int(self))


class AutoOrCount(int):
    """A number from 1 on, or `auto`, which is 0."""

    expected = "auto or a whole number from 1 on"
    schema = {"anyOf": [{"enum": ["auto"]}, {"type": "integer", "minimum": 1}]}

    @classmethod
    def parse(cls, text: str) -> AutoOrCount:
        """Parse a count. Raises ValueError unless it is `auto` or a whole number from 1 on."""
        if text == "auto":
            return cls(0)
        if (count := parse_integer(text)) < 1:
            raise ValueError(text)
        return cls(count)

    @property
    def written(self) -> str:
        """How the file writes it."""
        return str(int(self)) if self else "auto"


class Ratio(float):
    """A ratio from 0 to 1, written `50%` or `0.5`."""

    expected = "a ratio such as 50% or 0.5"
    schema = {
        "anyOf": [
            {"type": "string", "pattern": r"^(\d{1,2}(\.\d+)?%|100(\.0+)?%|0(\.\d+)?|1(\.0+)?)$", "examples": ["50%"]},
            {"type": "number", "minimum": 0, "maximum": 1},
        ]
    }

    @classmethod
    def parse(cls, text: str) -> Ratio:
        """Parse a ratio. Raises ValueError unless it is a number from 0 to 1."""
        match = _RATIO.fullmatch(text)
        value = float(match[1]) / (100 if match[2] else 1) if match else 2.0
        if not 0 <= value <= 1:
            raise ValueError(text)
        return cls(value)

    @property
    def written(self) -> str:
        """How the file writes it, in percent."""
        return f"{100 * self:g}%"


class Secret:
    """A credential whose value is never printed. `missing` is why there is none, such as `API_KEY is not set`."""

    expected = "text, ${VARIABLE} or ${file:/path}"
    schema = {"type": "string", "pattern": r"^\s*[!-~]*\s*$"}
    __slots__ = ("missing", "value")

    def __init__(self, value: str, missing: str | None = None) -> None:
        self.value = value
        self.missing = missing

    @classmethod
    def parse(cls, text: str) -> Secret:
        """Check a credential. Raises ValueError unless it is visible ASCII, as a header needs (RFC 9110, 5.5)."""
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("not visible ASCII")  # without the credential, which a traceback would show
        return cls(text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self.value, self.missing) == (other.value, other.missing)

    def __hash__(self) -> int:
        return hash((self.value, self.missing))

    def __repr__(self) -> str:
        return f"Secret(missing={self.missing!r})" if self.missing else "Secret(***)"
