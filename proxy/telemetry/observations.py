"""What is observed of each target, kept by its id, so that it outlives reloads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from proxy.telemetry.bounded import Bounded
from proxy.telemetry.window import LONGEST, Window

_USUAL_FOR = 60.0
_RATIOS = (0.1, 10.0)
"""Beyond these a count is of something else than the text."""
_NEWEST = 0.2
"""What the latest answer counts for in the calibration."""


@dataclass(frozen=True, slots=True)
class Remaining:
    """What the provider's last answer said of its rate limits."""

    requests: int | None
    tokens: int | None
    used: float
    """Of the limit nearest to its end, the part (0-1) that is gone."""
    until: float
    """When that limit is whole again; from then on this says nothing."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What an answer took."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    """US dollars."""


@dataclass(slots=True)
class Record:
    """One target's."""

    window: Window = field(default_factory=Window)
    in_flight: int = 0
    failed_at: float | None = None
    """The last failure that may have been the target's own."""
    failed_as: str | None = None
    """The class of that failure."""
    remaining: Remaining | None = None
    token_ratio: float = 1.0
    """Prompt tokens it counted for each that was estimated, the latest answers counting most."""
    changes: int = 0
    """Goes up with everything that happens: what was derived from an earlier number is out of date."""
    _usual: float | None = None
    _usual_until: float = float("-inf")

    def usual_ttft(self, now: float) -> float | None:
        """The hour's median in seconds, as of the last minute: an hour is long to add up, and changes slowly."""
        if now >= self._usual_until:
            self._usual = self.window.over(LONGEST, now).ttft.percentile(50)
            self._usual_until = now + _USUAL_FOR
        return self._usual


@dataclass(slots=True)
class Flight:
    """One attempt from its start to its end; each ending counts once, whatever is said after it."""

    _record: Record
    started: float
    stream: bool
    content: float | None = None
    """When the first content was in hand."""
    over: bool = False

    def succeeded(self, now: float) -> None:
        """The first content is in hand: from here on the target counts as having answered."""
        if self.over or self.content is not None:
            return
        self.content = now
        bucket = self._record.window.at(now)
        bucket.ok += 1
        if self.stream:
            bucket.ttft.record(now - self.started)
        self._record.changes += 1

    def finished(self, now: float, spent: Spent = Spent()) -> None:
        """The answer came to its proper end."""
        self.succeeded(now)
        if not self._ends():
            return
        bucket = self._record.window.at(now)
        bucket.latency.record(now - self.started)
        bucket.tokens_in += spent.tokens_in
        bucket.tokens_out += spent.tokens_out
        bucket.cost += spent.cost
        since = (self.content or self.started) if self.stream else self.started
        if spent.tokens_out and now > since:
            bucket.throughput.record(spent.tokens_out / (now - since))

    def failed(self, trigger: str, now: float, *, fault: bool) -> None:
        """It failed, before or after its first content; `fault` says whether that counts against the uptime."""
        if not self._ends():
            return
        bucket = self._record.window.at(now)
        bucket.failed[trigger] = bucket.failed.get(trigger, 0) + 1
        bucket.faults += fault
        bucket.broken += self.content is not None
        if fault or trigger == "rate_limit":
            self._record.failed_at, self._record.failed_as = now, trigger

    def abandoned(self, now: float, *, outrun: bool = False) -> None:
        """The caller left, which says nothing; or another was faster: its wait would have been this long at least."""
        if self._ends() and outrun and self.stream and self.content is None:
            self._record.window.at(now).ttft.record(now - self.started)

    def heard(self, remaining: Remaining | None) -> None:
        """The answer's headers spoke of rate limits."""
        if remaining is not None:
            self._record.remaining = remaining
            self._record.changes += 1

    def counted(self, estimated: int, actual: int) -> None:
        """The answer says how many tokens its prompt had."""
        if estimated > 0 and actual > 0:
            ratio = min(max(actual / estimated, _RATIOS[0]), _RATIOS[1])
            self._record.token_ratio += _NEWEST * (ratio - self._record.token_ratio)
            self._record.changes += 1

    def _ends(self) -> bool:
        if self.over:
            return False
        self.over = True
        self._record.in_flight -= 1
        self._record.changes += 1
        return True


@dataclass(slots=True)
class Observations:
    """All records."""

    _records: Bounded[Record] = field(default_factory=lambda: Bounded(Record))

    def started(self, target: str, now: float, *, stream: bool = True) -> Flight:
        """An attempt begins; say of the flight what becomes of it."""
        record = self._records.use(target)
        record.window.at(now).started += 1
        record.in_flight += 1
        record.changes += 1
        return Flight(record, now, stream)

    def of(self, target: str) -> Record | None:
        """The target's record; None if it was never tried, or so long ago that it was forgotten."""
        return self._records.get(target)

    def in_flight(self, target: str) -> int:
        """Attempts that have begun and not ended."""
        record = self._records.get(target)
        return record.in_flight if record else 0

    def name(self, targets: frozenset[str]) -> None:
        """Keep these for good; to be called with the table's targets at each reload."""
        self._records.name(targets)

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)
