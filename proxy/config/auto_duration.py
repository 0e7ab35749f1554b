"""Durations that may also be `auto` or `off`."""

from __future__ import annotations

from math import inf
from typing import Any, ClassVar

from proxy.config.json_schema import words
from proxy.config.units import Seconds

AUTO, OFF = -1.0, inf


class AutoOrDuration(float):
    """Seconds, or AUTO, or OFF. Written `auto`, `off`, or a duration."""

    expected = "auto, off, or a duration such as 8s"
    schema: ClassVar[dict[str, Any]] = {"anyOf": [words("auto", "off"), Seconds.schema]}

    @classmethod
    def parse(cls, text: str) -> AutoOrDuration:
        """ValueError if it is none of them."""
        named = {"auto": AUTO, "off": OFF}
        return cls(named[text] if text in named else Seconds.parse(text))

    @property
    def written(self) -> str:
        """How the file writes it."""
        return {AUTO: "auto", OFF: "off"}.get(self) or Seconds(self).written


class OffOrDuration(float):
    """Seconds, or OFF. Written `off`, or a duration."""

    expected = "off, or a duration such as 10s"
    schema: ClassVar[dict[str, Any]] = {"anyOf": [words("off"), Seconds.schema]}

    @classmethod
    def parse(cls, text: str) -> OffOrDuration:
        """ValueError if it is neither."""
        return cls(OFF if text == "off" else Seconds.parse(text))

    @property
    def written(self) -> str:
        """How the file writes it."""
        return "off" if self == OFF else Seconds(self).written
