"""Everything that was counted since start, for the metrics of one or more targets, and the labels it has there."""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.telemetry.histogram import Histogram
from proxy.telemetry.window import Bucket

Labels = tuple[str, str, str]
"""Metric labels of a target: provider, region, and a model name from the file."""


@dataclass(slots=True)
class TargetTotals:
    """Everything that was counted since start, for the metrics of one or more targets."""

    counts: Bucket = field(default_factory=Bucket)
    prompt_tokens: Histogram = field(default_factory=Histogram)
    """By answer."""
    completion_tokens: Histogram = field(default_factory=Histogram)
    """By answer."""
    ejections: int = 0

    def add(self, other: TargetTotals) -> None:
        """Add what another has counted."""
        self.counts.add(other.counts)
        self.prompt_tokens.add(other.prompt_tokens)
        self.completion_tokens.add(other.completion_tokens)
        self.ejections += other.ejections
