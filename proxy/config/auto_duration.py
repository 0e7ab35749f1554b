"""Durations that may also be `auto` or `off`."""

from __future__ import annotations

from math import inf
from typing import Any, ClassVar

from proxy.config.units import Seconds

AUTO, OFF = -1.0, inf


class AutoOrDuration(float):
    """Seconds, or AUTO, or OFF. Written `auto`, `off`, or a duration."""

    expected = "auto, off, or a duration such as 8s"
    schema: ClassVar[dict[str, Any]] = {"anyOf": [{"enum": ["auto", "off"]}, Seconds.schema]}

    @classmethod
    def parse(cls, text: str) -> AutoOrDuration:
        """ValueError if it is none of them."""
        words = {"auto": AUTO, "off": OFF}
        return cls(words[text] if text in words else Seconds.parse(text))
