"""A sparse histogram with exponential buckets: mergeable, and exact within 5 % for values of any size."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import ceil, exp, log

_BUCKET_WIDTH = log(1.1)
_MIN_VALUE = 1e-6
_MAX_VALUE = 1e9
_OFFSET = 145
"""Added to bucket numbers so that those of `_MIN_VALUE` and above are positive."""


@dataclass(slots=True)
class Histogram:
    """Counts values in buckets that are 10 % wide. Each stands for its middle."""

    counts: dict[int, int] = field(default_factory=dict)
    samples: int = 0
    total: float = 0.0
    """The exact sum of all values."""

    def record(self, value: float) -> None:
        """Count one value, in any unit. A value outside 1e-6 to 1e9 falls into the first or last bucket."""
        if not _MIN_VALUE < value < _MAX_VALUE:
            value = _MAX_VALUE if value >= _MAX_VALUE else _MIN_VALUE
        bucket = int(log(value) / _BUCKET_WIDTH + _OFFSET)
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.samples += 1
        self.total += value

    def add(self, other: Histogram) -> None:
        """Add the values of another histogram."""
        if not self.counts:
            self.counts = dict(other.counts)
        else:
            for bucket, count in other.counts.items():
                self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.samples += other.samples
        self.total += other.total

    def cumulative_counts(self, edges: Sequence[float]) -> list[int]:
        """Return for each edge, in ascending order, how many values do not exceed it, within a bucket's width."""
        buckets = sorted(self.counts)
        middles = [_middle(bucket) for bucket in buckets]
        cumulative = [0, *accumulate(map(self.counts.__getitem__, buckets))]
        return [cumulative[bisect_right(middles, edge)] for edge in edges]

    @property
    def mean(self) -> float | None:
        """The average, or None without values."""
        return self.total / self.samples if self.samples else None

    def percentile(self, percent: float) -> float | None:
        """Return the value that `percent` (0-100) of all values do not exceed, or None without values."""
        return self.percentiles(percent)[0]

    def percentiles(self, *percents: float) -> list[float | None]:
        """Return several percentiles. The buckets are sorted once."""
        if not self.samples:
            return [None] * len(percents)
        buckets = sorted(self.counts)
        cumulative = list(accumulate(map(self.counts.__getitem__, buckets)))
        ranks = (max(1, ceil(self.samples * percent / 100)) for percent in percents)
        return [_middle(buckets[bisect_left(cumulative, rank)]) for rank in ranks]


def _middle(bucket: int) -> float:
    return exp((bucket - _OFFSET + 0.5) * _BUCKET_WIDTH)
