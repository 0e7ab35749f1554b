"""Counts and histograms of one target over the last minutes: buckets of 5 s for a minute, of 60 s for an hour."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import Generic, TypeVar

from proxy.telemetry.histogram import Histogram

MIN_WINDOW_S = 5
MAX_WINDOW_S = 3600

T = TypeVar("T")


@dataclass(slots=True)
class Ring(Generic[T]):
    """The last `count` buckets of `seconds` each, without those in which nothing happened.

    The clock may jump: going back counts as standing still, going forward drops expired buckets.
    """

    seconds: int
    count: int
    create: Callable[[], T]
    _buckets: dict[int, T] = field(default_factory=dict)
    """By step (start time divided by `seconds`, an integer, so that the edges never drift), oldest first."""
    _newest: int = 0
    current_ends_at: float = float("-inf")
    """When the newest bucket ends."""

    def at(self, now: float) -> T:
        """Return the current bucket, to count into."""
        if now >= self.current_ends_at:
            self._roll(now)
        return self._buckets[self._newest]

    def last(self, count: int, now: float) -> Iterator[T]:
        """Yield those of the last `count` buckets in which something happened."""
        after = max(self._newest, self._step(now)) - min(count, self.count)
        return (bucket for step, bucket in self._buckets.items() if step > after)

    def covers(self, then: float, count: int, now: float) -> bool:
        """Whether an earlier time is within the last `count` buckets."""
        return self._step(then) > max(self._newest, self._step(now)) - min(count, self.count)

    def clear(self) -> None:
        """Drop all buckets."""
        self._buckets.clear()
        self.current_ends_at = float("-inf")

    def _roll(self, now: float) -> None:
        self._newest = self._step(now)
        self.current_ends_at = (self._newest + 1) * self.seconds
        for step in [step for step in self._buckets if step <= self._newest - self.count]:
            del self._buckets[step]
        self._buckets[self._newest] = self.create()

    def _step(self, now: float) -> int:
        return int(now // self.seconds)


@dataclass(slots=True)
class Bucket:
    """What was counted in one span of time."""

    started: int = 0
    """Attempts that started."""
    ok: int = 0
    """Attempts that had their first content."""
    truncated: int = 0
    """Responses that were truncated after their first content, which may have been counted in an earlier bucket."""
    faults: int = 0
    """Failures that count against the target's uptime, truncated responses included."""
    failed: dict[str, int] = field(default_factory=dict)
    """All failures by class."""
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    ttft: Histogram = field(default_factory=Histogram)
    """Seconds to the first content of streams."""
    latency: Histogram = field(default_factory=Histogram)
    """Seconds to the end of complete responses."""
    throughput: Histogram = field(default_factory=Histogram)
    """Tokens per second, for streams counted from the first content on."""

    def add(self, other: Bucket) -> None:
        """Add what another bucket has counted."""
        self.started += other.started
        self.ok += other.ok
        self.truncated += other.truncated
        self.faults += other.faults
        self.tokens_in += other.tokens_in
        self.tokens_out += other.tokens_out
        self.cost_usd += other.cost_usd
        for trigger, count in other.failed.items():
            self.failed[trigger] = self.failed.get(trigger, 0) + count
        self.ttft.add(other.ttft)
        self.latency.add(other.latency)
        self.throughput.add(other.throughput)

    @property
    def classified(self) -> int:
        """Attempts that are evidence about the target: successes and faults, a truncated response counted once."""
        return self.ok + self.faults - min(self.truncated, self.ok)

    @property
    def uptime(self) -> float | None:
        """The part (0-1) of classified attempts without a fault, or None without any."""
        return 1 - self.faults / self.classified if self.classified else None

    @property
    def error_rate(self) -> float | None:
        """The part (0-1) of attempts that failed, by a fault or a rate limit, or None without any."""
        errors = self.faults + self.failed.get("rate_limit", 0)
        total = self.classified - self.faults + errors
        return errors / total if total else None


@dataclass(slots=True)
class Window:
    """One target's buckets: count into `at(now)`, read from `sum_over(seconds, now)`.

    Counting touches one bucket, the open one. It is added to its minute's bucket and to the lifetime total when the
    next one opens, so sums of over a minute add the open bucket to the whole minutes.
    """

    _fine: Ring[Bucket] = field(default_factory=lambda: Ring(5, 12, Bucket))
    _coarse: Ring[Bucket] = field(default_factory=lambda: Ring(60, 60, Bucket))
    _open: Bucket | None = None
    _opened_at: float = 0.0
    _open_until: float = 0.0
    _closed: Bucket = field(default_factory=Bucket)
    """The sum of all buckets that were ever closed."""

    def at(self, now: float) -> Bucket:
        """Return the bucket to count into."""
        if self._open is not None and now < self._open_until:
            return self._open
        bucket = self._fine.at(now)
        if bucket is not self._open:
            if self._open is not None:
                self._coarse.at(self._opened_at).add(self._open)
                self._closed.add(self._open)
            self._open, self._opened_at, self._open_until = bucket, now, self._fine.current_ends_at
        return bucket

    def sum_over(self, seconds: float, now: float) -> Bucket:
        """Return the sum of the last `round_up_to_buckets(seconds)`."""
        total = Bucket()
        for bucket in self._parts(round_up_to_buckets(seconds), now):
            total.add(bucket)
        return total

    def started_within(self, seconds: float, now: float) -> int:
        """Return the attempts that started within the last `round_up_to_buckets(seconds)`."""
        return sum([bucket.started for bucket in self._parts(round_up_to_buckets(seconds), now)])

    def lifetime(self) -> Bucket:
        """Return the sum since the target's first attempt. It never falls."""
        total = Bucket()
        total.add(self._closed)
        if self._open is not None:
            total.add(self._open)
        return total

    def _parts(self, seconds: int, now: float) -> Iterator[Bucket]:
        if seconds <= 60:
            yield from self._fine.last(seconds // 5, now)
            return
        yield from self._coarse.last(seconds // 60, max(now, self._opened_at))
        if self._open is not None and self._coarse.covers(self._opened_at, seconds // 60, now):
            yield self._open


def round_up_to_buckets(seconds: float) -> int:
    """Return the length of the window that is used for this one: whole buckets, the current one included."""
    step = 5 if seconds <= 60 else 60
    return ceil(min(max(seconds, MIN_WINDOW_S), MAX_WINDOW_S) / step) * step
