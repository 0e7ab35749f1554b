"""What is observed of each target, kept by its id, so that it outlives reloads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf

from msgspec import Struct

from proxy.telemetry.answers import LatestAnswers, Numbering
from proxy.telemetry.bounded import Bounded
from proxy.telemetry.histogram import Histogram
from proxy.telemetry.probe_runs import ProbeRuns
from proxy.telemetry.remaining import Remaining
from proxy.telemetry.ttft_trend import TtftTrend
from proxy.telemetry.window import Bucket, Window

MOST_RATIO = 10.0
_LEAST_RATIO = 0.1
"""Beyond these a count is of something else than the text."""
_SAME = 0.01
"""Seconds that two ways of computing one moment may differ."""
_NEWEST = 0.2
"""What the latest answer counts for in the calibration."""


class Spent(Struct, frozen=True):
    """What an answer took."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    """US dollars."""


NOTHING = Spent()

Labels = tuple[str, str, str]
"""Provider, region, and the model's name as the file bounds it."""


@dataclass(slots=True)
class Totals:
    """All that was ever counted."""

    counts: Bucket = field(default_factory=Bucket)
    prompts: Histogram = field(default_factory=Histogram)
    """Prompt tokens, by answer."""
    completions: Histogram = field(default_factory=Histogram)
    ejections: int = 0

    def add(self, other: Totals) -> None:
        """Take in all that another has counted."""
        self.counts.add(other.counts)
        self.prompts.add(other.prompts)
        self.completions.add(other.completions)
        self.ejections += other.ejections


@dataclass(slots=True)
class News:
    """How often something happened that the next decision must know."""

    count: int = 0
    """To single targets."""
    places: int = 0
    """To whole places, as probes find it."""


@dataclass(slots=True)
class Record:
    """One target's."""

    news: News = field(default_factory=News)
    """All targets' together."""
    numbering: Numbering = field(default_factory=Numbering)
    """All targets' together."""
    told: int = 0
    """News of its own."""
    window: Window = field(default_factory=Window)
    answers: LatestAnswers = field(default_factory=LatestAnswers)
    trend: TtftTrend = field(init=False)
    tried_at: float = -inf
    """When an attempt last began or ended."""
    in_flight: int = 0
    failed_at: float | None = None
    """The last failure that may have been the target's own."""
    failed_as: str | None = None
    """The class of that failure."""
    remaining: Remaining | None = None
    prompts: Histogram = field(default_factory=Histogram)
    """Tokens of every prompt that was answered and counted."""
    completions: Histogram = field(default_factory=Histogram)
    ejections: int = 0
    """Times it was taken out for failing."""
    ejected_until: float = float("-inf")
    """The end of the last of them."""
    token_ratio: float = 1.0
    """Prompt tokens it counted for each that was estimated, the latest answers counting most."""
    changes: int = 0
    """Goes up with everything that happens: what was derived from an earlier number is out of date."""
    unwell: bool = False
    """Nothing has succeeded since its latest failure."""

    def __post_init__(self) -> None:
        self.trend = TtftTrend(self.window)

    def totals(self) -> Totals:
        """All that was ever counted, to keep: it does not change any more."""
        totals = Totals()
        totals.add(Totals(self.window.ever(), self.prompts, self.completions, self.ejections))
        return totals

    def ejected(self, until: float) -> None:
        """It is taken out until then; said again of the same ejection, it counts once."""
        self.ejections += until > self.ejected_until + _SAME
        self.ejected_until = max(until, self.ejected_until)

    def tell(self) -> None:
        """Something happened that the next decision must know."""
        self.told += 1
        self.news.count += 1


class Flight(Struct, eq=False):
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
        self._record.answers.begun = self._record.numbering.next()
        if self.stream:
            bucket.ttft.record(now - self.started)
        self._record.changes += 1
        if self._record.unwell:
            self._record.unwell = False
            self._record.tell()

    def finished(self, now: float, spent: Spent = NOTHING) -> None:
        """The answer came to its proper end."""
        self.succeeded(now)
        if not self._ends(now):
            return
        self._answered(True, now)
        bucket = self._record.window.at(now)
        bucket.latency.record(now - self.started)
        bucket.tokens_in += spent.tokens_in
        bucket.tokens_out += spent.tokens_out
        bucket.cost += spent.cost
        if spent.tokens_in or spent.tokens_out:
            self._record.prompts.record(spent.tokens_in)
            self._record.completions.record(spent.tokens_out)
        since = (self.content or self.started) if self.stream else self.started
        if spent.tokens_out and now > since:
            bucket.throughput.record(spent.tokens_out / (now - since))

    def failed(self, trigger: str, now: float, *, fault: bool, good: bool = False) -> None:
        """It failed, before or after its first content; `fault` says whether that counts against the uptime.

        `good`: the failure itself shows that the target works, such as a refusal by its content filter.
        """
        if not self._ends(now):
            return
        if fault or good:
            self._answered(good, now)
        bucket = self._record.window.at(now)
        bucket.failed[trigger] = bucket.failed.get(trigger, 0) + 1
        bucket.faults += fault
        bucket.broken += self.content is not None
        if fault or trigger == "rate_limit":
            self._record.failed_at, self._record.failed_as = now, trigger
        self._record.unwell = True
        self._record.tell()

    def abandoned(self, now: float, *, outrun: bool = False) -> None:
        """The caller left, which says nothing; or another was faster: its wait would have been this long at least."""
        if not self._ends(now):
            return
        if self.content is not None:
            self._answered(True, now)
        elif outrun and self.stream:
            self._record.window.at(now).ttft.record(now - self.started)

    def heard(self, remaining: Remaining | None) -> None:
        """The answer's headers spoke of rate limits."""
        if remaining is not None:
            before, self._record.remaining = self._record.remaining, remaining
            self._record.changes += 1
            if remaining.spent or (before is not None and before.spent):
                self._record.tell()

    def counted(self, estimated: int, actual: int) -> None:
        """The answer says how many tokens its prompt had."""
        if estimated > 0 and actual > 0:
            ratio = min(max(actual / estimated, _LEAST_RATIO), MOST_RATIO)
            self._record.token_ratio += _NEWEST * (ratio - self._record.token_ratio)
            self._record.changes += 1

    def _answered(self, good: bool, now: float) -> None:
        self._record.answers.add(self._record.numbering.next(), good, now)

    def _ends(self, now: float) -> bool:
        if self.over:
            return False
        self.over = True
        self._record.tried_at = now
        self._record.in_flight -= 1
        self._record.changes += 1
        return True


@dataclass(slots=True)
class Observations:
    """All records."""

    labels: Callable[[str], Labels | None] = lambda target: None
    """Under which names a target is counted; None: under none any more. Set at each reload, before `name`."""
    news: News = field(default_factory=News)
    numbering: Numbering = field(default_factory=Numbering)
    """Of answers and probes."""
    probes: ProbeRuns = field(init=False)
    _records: Bounded[Record] = field(init=False)
    _forgotten: dict[Labels, Totals] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.probes = ProbeRuns(self.numbering)
        self._records = Bounded(lambda: Record(self.news, self.numbering), forgotten=self._forget)

    def started(self, target: str, now: float, *, stream: bool = True) -> Flight:
        """An attempt begins; say of the flight what becomes of it."""
        record = self._records.use(target)
        record.window.at(now).started += 1
        record.tried_at = now
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

    def totals(self) -> dict[Labels, Totals]:
        """All that was ever counted, by labels; what is forgotten stays in, so that counts never fall."""
        every: dict[Labels, Totals] = {}
        for labels, totals in self._forgotten.items():
            every.setdefault(labels, Totals()).add(totals)
        for target in self:
            record = self._records.get(target)
            name = self.labels(target)
            if record and name:
                every.setdefault(name, Totals()).add(record.totals())
        return every

    def _forget(self, target: str, record: Record) -> None:
        if labels := self.labels(target):
            self._forgotten.setdefault(labels, Totals()).add(record.totals())

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)
