"""Counts by size: sparse, mergeable, and right within 5 % whatever the sizes are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil, exp, log

_WIDTH = log(1.1)
_LEAST = 1e-6
_MOST = 1e9
_SHIFT = 145
"""Makes the numbers of buckets positive: small ones are shared by the interpreter, and cost no memory."""


@dataclass(slots=True)
class Histogram:
    """How often values of about each size were seen; a bucket is 10 % wide and stands for its middle."""

    counts: dict[int, int] = field(default_factory=dict)
    samples: int = 0
    total: float = 0.0
    """The exact sum of all values."""

    def record(self, value: float) -> None:
        """Count one value, in whatever unit the others have; from 1e-6 to 1e9 it is told apart."""
        if not _LEAST < value < _MOST:
            value = _MOST if value >= _MOST else _LEAST
        bucket = int(log(value) / _WIDTH + _SHIFT)
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.samples += 1
        self.total += value

    def add(self, other: Histogram) -> None:
        """Take in all that another has counted."""
        if not self.counts:
            self.counts = dict(other.counts)
        else:
            for bucket, count in other.counts.items():
                self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.samples += other.samples
        self.total += other.total

    @property
    def mean(self) -> float | None:
        """The average, or None if nothing was counted."""
        return self.total / self.samples if self.samples else None

    def percentile(self, percent: float) -> float | None:
        """The value that this part (0-100) of all values does not exceed, or None if nothing was counted."""
        return self.percentiles(percent)[0]

    def percentiles(self, *percents: float) -> list[float | None]:
        """Several of them, smallest first, in one pass."""
        if not self.samples:
            return [None] * len(percents)
        reached = self._reached()
        seen, bucket = next(reached)
        found: list[float | None] = []
        for percent in percents:
            rank = max(1, ceil(self.samples * percent / 100))
            while seen < rank:
                seen, bucket = next(reached)
            found.append(exp((bucket - _SHIFT + 0.5) * _WIDTH))
        return found

    def _reached(self) -> Iterator[tuple[int, int]]:
        """Each bucket with the number of values up to its end."""
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            yield seen, bucket
