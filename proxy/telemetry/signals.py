"""What is known of each target at one moment: the rows that a decision reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Signal:
    """One target's row."""

    available_in_ms: int = 0
    """0: now. More: it failed, or asked to be left alone, and is tried after the available ones."""


UNKNOWN = Signal()
"""The row of a target nobody has tried."""


@dataclass(frozen=True, slots=True)
class Signals:
    """All rows, by target id."""

    rows: Mapping[str, Signal] = field(default_factory=dict)

    def of(self, target: str) -> Signal:
        """The target's row."""
        return self.rows.get(target, UNKNOWN)
