"""How a simulated provider behaves right now."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scenario:
    """Delays in seconds; replaced as a whole while the provider runs."""

    latency: float = 0.0
    """Before the first byte."""
    chunk_delay: float = 0.0
    """Between two events of a stream."""
