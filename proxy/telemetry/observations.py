"""What is observed of each target, kept by its id, so that it outlives reloads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf

from msgspec import Struct

from proxy.telemetry.answers import EventSequence, LatestAnswers
from proxy.telemetry.histogram import Histogram
from proxy.telemetry.probe_runs import ProbeRuns
from proxy.telemetry.rate_limit_status import RateLimitStatus
from proxy.telemetry.target_map import TargetMap
from proxy.telemetry.ttft_trend import TtftTrend
from proxy.telemetry.window import Bucket, Window

MAX_TOKEN_RATIO = 10.0
_LEAST_RATIO = 0.1
"""Beyond these a count is of something else than the text."""
_SAME = 0.01
"""Seconds that two ways of computing one moment may differ."""
_NEWEST = 0.2
"""What the latest answer counts for in the calibration."""


class AttemptUsage(Struct, frozen=True):
    """What an answer took."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    """US dollars."""


NO_USAGE = AttemptUsage()

Labels = tuple[str, str, str]
"""Provider, region, and the model's name as the file bounds it."""


@dataclass(slots=True)
class TargetTotals:
    """All that was ever counted."""

    counts: Bucket = field(default_factory=Bucket)
    prompt_tokens: Histogram = field(default_factory=Histogram)
    """Prompt tokens, by answer."""
    completion_tokens: Histogram = field(default_factory=Histogram)
    ejections: int = 0

    def add(self, other: TargetTotals) -> None:
        """Take in all that another has counted."""
        self.counts.add(other.counts)
        self.prompt_tokens.add(other.prompt_tokens)
        self.completion_tokens.add(other.completion_tokens)
        self.ejections += other.ejections


@dataclass(slots=True)
class ChangeCounter:
    """How often something happened that the next decision must know."""

    count: int = 0
    """To single targets."""
    probe_changes: int = 0
    """To whole places, as probes find it."""


@dataclass(slots=True)
class Record:
    """One target's."""

    all_urgent_changes: ChangeCounter = field(default_factory=ChangeCounter)
    """All targets' together."""
    sequence: EventSequence = field(default_factory=EventSequence)
    """All targets' together."""
    urgent_changes: int = 0
    """News of its own."""
    window: Window = field(default_factory=Window)
    answers: LatestAnswers = field(default_factory=LatestAnswers)
    trend: TtftTrend = field(init=False)
    tried_at: float = -inf
    """When an attempt last began or ended."""
    in_flight: int = 0
    failed_at: float | None = None
    """The last failure that may have been the target's own."""
    failure_trigger: str | None = None
    """The class of that failure."""
    rate_limit: RateLimitStatus | None = None
    prompt_tokens: Histogram = field(default_factory=Histogram)
    """Tokens of every prompt that was answered and counted."""
    completion_tokens: Histogram = field(default_factory=Histogram)
    ejections: int = 0
    """Times it was taken out for failing."""
    ejected_until: float = float("-inf")
    """The end of the last of them."""
    token_ratio: float = 1.0
    """Prompt tokens it counted for each that was estimated, the latest answers counting most."""
    changes: int = 0
    """Goes up with everything that happens: what was derived from an earlier number is out of date."""
    failing: bool = False
    """Nothing has succeeded since its latest failure."""

    def __post_init__(self) -> None:
        self.trend = TtftTrend(self.window)

    def totals(self) -> TargetTotals:
        """All that was ever counted, to keep: it does not change any more."""
        totals = TargetTotals()
        totals.add(TargetTotals(self.window.lifetime(), self.prompt_tokens, self.completion_tokens, self.ejections))
        return totals

    def record_ejection(self, until: float) -> None:
        """It is taken out until then; said again of the same ejection, it counts once."""
        self.ejections += until > self.ejected_until + _SAME
        self.ejected_until = max(until, self.ejected_until)

    def mark_urgent(self) -> None:
        """Something happened that the next decision must know."""
        self.urgent_changes += 1
        self.all_urgent_changes.count += 1


class AttemptRecorder(Struct, eq=False):
    """One attempt from its start to its end; each ending counts once, whatever is said after it."""

    _record: Record
    started_at: float
    stream: bool
    content_at: float | None = None
    """When the first content was in hand."""
    is_over: bool = False

    def record_content(self, now: float) -> None:
        """The first content is in hand: from here on the target counts as having answered."""
        if self.is_over or self.content_at is not None:
            return
        self.content_at = now
        bucket = self._record.window.at(now)
        bucket.ok += 1
        self._record.answers.latest_content = self._record.sequence.next()
        if self.stream:
            bucket.ttft.record(now - self.started_at)
        self._record.changes += 1
        if self._record.failing:
            self._record.failing = False
            self._record.mark_urgent()

    def record_finish(self, now: float, usage: AttemptUsage = NO_USAGE) -> None:
        """The answer came to its proper end."""
        self.record_content(now)
        if not self._ends(now):
            return
        self._answered(True, now)
        bucket = self._record.window.at(now)
        bucket.latency.record(now - self.started_at)
        bucket.tokens_in += usage.tokens_in
        bucket.tokens_out += usage.tokens_out
        bucket.cost_usd += usage.cost_usd
        if usage.tokens_in or usage.tokens_out:
            self._record.prompt_tokens.record(usage.tokens_in)
            self._record.completion_tokens.record(usage.tokens_out)
        since = (self.content_at or self.started_at) if self.stream else self.started_at
        if usage.tokens_out and now > since:
            bucket.throughput.record(usage.tokens_out / (now - since))

    def record_failure(self, trigger: str, now: float, *, fault: bool, good: bool = False) -> None:
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
        bucket.truncated += self.content_at is not None
        if fault or trigger == "rate_limit":
            self._record.failed_at, self._record.failure_trigger = now, trigger
        self._record.failing = True
        self._record.mark_urgent()

    def record_cancel(self, now: float, *, hedge_lost: bool = False) -> None:
        """The caller left, which says nothing; or another was faster: its wait would have been this long at least."""
        if not self._ends(now):
            return
        if self.content_at is not None:
            self._answered(True, now)
        elif hedge_lost and self.stream:
            self._record.window.at(now).ttft.record(now - self.started_at)

    def record_rate_limits(self, remaining: RateLimitStatus | None) -> None:
        """The answer's headers spoke of rate limits."""
        if remaining is not None:
            before, self._record.rate_limit = self._record.rate_limit, remaining
            self._record.changes += 1
            if remaining.is_exhausted or (before is not None and before.is_exhausted):
                self._record.mark_urgent()

    def calibrate_tokens(self, estimated: int, actual: int) -> None:
        """The answer says how many tokens its prompt had."""
        if estimated > 0 and actual > 0:
            ratio = min(max(actual / estimated, _LEAST_RATIO), MAX_TOKEN_RATIO)
            self._record.token_ratio += _NEWEST * (ratio - self._record.token_ratio)
            self._record.changes += 1

    def _answered(self, good: bool, now: float) -> None:
        self._record.answers.add(self._record.sequence.next(), good, now)

    def _ends(self, now: float) -> bool:
        if self.is_over:
            return False
        self.is_over = True
        self._record.tried_at = now
        self._record.in_flight -= 1
        self._record.changes += 1
        return True


@dataclass(slots=True)
class Observations:
    """All records."""

    labels: Callable[[str], Labels | None] = lambda target: None
    """Under which names a target is counted; None: under none any more. Set at each reload, before `pin`."""
    urgent_changes: ChangeCounter = field(default_factory=ChangeCounter)
    sequence: EventSequence = field(default_factory=EventSequence)
    """Of answers and probes."""
    probes: ProbeRuns = field(init=False)
    _records: TargetMap[Record] = field(init=False)
    _forgotten: dict[Labels, TargetTotals] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.probes = ProbeRuns(self.sequence)
        self._records = TargetMap(lambda: Record(self.urgent_changes, self.sequence), on_evict=self._forget)

    def start_attempt(self, target: str, now: float, *, stream: bool = True) -> AttemptRecorder:
        """An attempt begins; say of the flight what becomes of it."""
        record = self._records.get_or_create(target)
        record.window.at(now).started += 1
        record.tried_at = now
        record.in_flight += 1
        record.changes += 1
        return AttemptRecorder(record, now, stream)

    def get(self, target: str) -> Record | None:
        """The target's record; None if it was never tried, or so long ago that it was forgotten."""
        return self._records.get(target)

    def in_flight(self, target: str) -> int:
        """Attempts that have begun and not ended."""
        record = self._records.get(target)
        return record.in_flight if record else 0

    def pin(self, targets: frozenset[str]) -> None:
        """Keep these for good; to be called with the table's targets at each reload."""
        self._records.pin(targets)

    def totals(self) -> dict[Labels, TargetTotals]:
        """All that was ever counted, by labels; what is forgotten stays in, so that counts never fall."""
        every: dict[Labels, TargetTotals] = {}
        for labels, totals in self._forgotten.items():
            every.setdefault(labels, TargetTotals()).add(totals)
        for target in self:
            record = self._records.get(target)
            name = self.labels(target)
            if record and name:
                every.setdefault(name, TargetTotals()).add(record.totals())
        return every

    def _forget(self, target: str, record: Record) -> None:
        if labels := self.labels(target):
            self._forgotten.setdefault(labels, TargetTotals()).add(record.totals())

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)
