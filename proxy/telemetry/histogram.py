"""Counts by size: sparse, mergeable, and right within 5 % whatever the sizes are."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
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

    def cumulative_counts(self, edges: Sequence[float]) -> list[int]:
        """For each edge, smallest first, how many values do not exceed it; within a bucket's width."""
        buckets = sorted(self.counts)
        middles = [_middle(bucket) for bucket in buckets]
        reached = [0, *accumulate(map(self.counts.__getitem__, buckets))]
        return [reached[bisect_right(middles, edge)] for edge in edges]

    @property
    def mean(self) -> float | None:
        """The average, or None if nothing was counted."""
        return self.total / self.samples if self.samples else None

    def percentile(self, percent: float) -> float | None:
        """The value that this part (0-100) of all values does not exceed, or None if nothing was counted."""
        return self.percentiles(percent)[0]

    def percentiles(self, *percents: float) -> list[float | None]:
        """Several of them, sorted through once."""
        if not self.samples:
            return [None] * len(percents)
        buckets = sorted(self.counts)
        reached = list(accumulate(map(self.counts.__getitem__, buckets)))
        ranks = (max(1, ceil(self.samples * percent / 100)) for percent in percents)
        return [_middle(buckets[bisect_left(reached, rank)]) for rank in ranks]


def _middle(bucket: int) -> float:
    return exp((bucket - _SHIFT + 0.5) * _WIDTH)
