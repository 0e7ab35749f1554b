"""What is observed of each target: counts, latest answers, rate limits. Kept by target id over reloads of the same account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf

from msgspec import Struct

from proxy.telemetry.answers import EventSequence, LatestAnswers
from proxy.telemetry.histogram import Histogram
from proxy.telemetry.probe_runs import ProbeRuns
from proxy.telemetry.rate_limit_status import LatestRateLimits, RateLimitStatus, UnparsedRateLimits
from proxy.telemetry.target_map import TargetMap
from proxy.telemetry.target_totals import Labels, TargetTotals
from proxy.telemetry.ttft_trend import TtftTrend
from proxy.telemetry.window import Window

MAX_TOKEN_RATIO = 10.0
_MIN_TOKEN_RATIO = 0.1
"""Outside this range the provider counts something other than text, such as images or tool schemas."""
_CALIBRATION_WEIGHT = 0.2
"""Weight of the latest answer in the moving average of the token ratio."""
_SAME_EJECTION_S = 0.01
"""Two ends of an ejection that differ by less are the same one, computed at different times."""


class AttemptUsage(Struct, frozen=True):
    """Tokens and cost of one answer."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0


NO_USAGE = AttemptUsage()


@dataclass(slots=True)
class ChangeCounter:
    """Counts urgent changes of all targets: those that the next routing decision must take into account."""

    count: int = 0
    """Changes of single targets."""
    probe_changes: int = 0
    """Changed results of health probes, each for all targets of a region."""


@dataclass(slots=True)
class Record:
    """What is observed of one target."""

    all_urgent_changes: ChangeCounter = field(default_factory=ChangeCounter)
    """Shared by all targets."""
    sequence: EventSequence = field(default_factory=EventSequence)
    """Shared by all targets."""
    urgent_changes: int = 0
    """This target's."""
    window: Window = field(default_factory=Window)
    answers: LatestAnswers = field(default_factory=LatestAnswers)
    trend: TtftTrend = field(init=False)
    tried_at: float = -inf
    """When an attempt last started or ended."""
    in_flight: int = 0
    failed_at: float | None = None
    """When the last failure ended that was a fault of the target, or a rate limit."""
    failure_trigger: str | None = None
    """The class of that failure."""
    rate_limits: LatestRateLimits = field(default_factory=LatestRateLimits)
    prompt_tokens: Histogram = field(default_factory=Histogram)
    """By answer with usage."""
    completion_tokens: Histogram = field(default_factory=Histogram)
    """By answer with usage."""
    ejections: int = 0
    ejected_until: float = float("-inf")
    """The end of the latest ejection."""
    token_ratio: float = 1.0
    """Prompt tokens that the provider counts for each estimated one: a moving average."""
    changes: int = 0
    """Increases with every change. Values that were derived at a lower number are out of date."""
    failing: bool = False
    """Whether no attempt has succeeded since the latest failure."""

    def __post_init__(self) -> None:
        self.trend = TtftTrend(self.window)

    @property
    def rate_limit(self) -> RateLimitStatus | None:
        """The rate limits of the latest response with headers for them."""
        return self.rate_limits.status

    def totals(self) -> TargetTotals:
        """Return a copy of everything that was counted."""
        totals = TargetTotals()
        totals.add(TargetTotals(self.window.lifetime(), self.prompt_tokens, self.completion_tokens, self.ejections))
        return totals

    def record_ejection(self, until: float) -> None:
        """Count an ejection that ends at that time. Called again during the same ejection, it counts once."""
        self.ejections += until > self.ejected_until + _SAME_EJECTION_S
        self.ejected_until = max(until, self.ejected_until)

    def mark_urgent(self) -> None:
        """Count an urgent change."""
        self.urgent_changes += 1
        self.all_urgent_changes.count += 1


class AttemptRecorder(Struct, eq=False):
    """Records one attempt in its target's record. The first end counts, later ones are ignored."""

    _record: Record
    started_at: float
    stream: bool
    content_at: float | None = None
    """When the first content arrived."""
    is_over: bool = False

    def record_content(self, now: float) -> None:
        """Record the first content. The attempt counts as a success from here on."""
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
        """Record the complete end of the response."""
        if self.content_at is None:
            self.record_content(now)
        if not self._end(now):
            return
        record = self._record
        record.answers.add(record.sequence.next(), True, now)
        bucket = record.window.at(now)
        bucket.latency.record(now - self.started_at)
        bucket.tokens_in += usage.tokens_in
        bucket.tokens_out += usage.tokens_out
        bucket.cost_usd += usage.cost_usd
        if usage.tokens_in or usage.tokens_out:
            record.prompt_tokens.record(usage.tokens_in)
            record.completion_tokens.record(usage.tokens_out)
        since = (self.content_at or self.started_at) if self.stream else self.started_at
        if usage.tokens_out and now > since:
            bucket.throughput.record(usage.tokens_out / (now - since))

    def record_failure(self, trigger: str, now: float, *, fault: bool, good: bool = False) -> None:
        """Record a failure of that class, before or after the first content.

        `fault`: it counts against the uptime. `good`: it shows that the target works, as a content filter does.
        """
        if not self._end(now):
            return
        if fault or good:
            self._add_answer(good, now)
        bucket = self._record.window.at(now)
        bucket.failed[trigger] = bucket.failed.get(trigger, 0) + 1
        bucket.faults += fault
        bucket.truncated += self.content_at is not None
        if fault or trigger == "rate_limit":
            self._record.failed_at, self._record.failure_trigger = now, trigger
        self._record.failing = True
        self._record.mark_urgent()

    def record_cancel(self, now: float, *, hedge_lost: bool = False) -> None:
        """Record an end that is no failure: the client disconnected, or (`hedge_lost`) another attempt was faster."""
        if not self._end(now):
            return
        if self.content_at is not None:
            self._add_answer(True, now)
        elif hedge_lost and self.stream:
            # Its time to first content would have been at least this long.
            self._record.window.at(now).ttft.record(now - self.started_at)

    def record_rate_limits(self, status: RateLimitStatus | UnparsedRateLimits) -> None:
        """Record the rate limits of the response headers, or what parses them if something is left of each."""
        self._record.changes += 1
        if self._record.rate_limits.record(status):
            self._record.mark_urgent()

    def calibrate_tokens(self, estimated: int, actual: int) -> None:
        """Adjust the target's token ratio by the prompt tokens that were estimated and those the provider counted."""
        if estimated > 0 and actual > 0:
            ratio = min(max(actual / estimated, _MIN_TOKEN_RATIO), MAX_TOKEN_RATIO)
            self._record.token_ratio += _CALIBRATION_WEIGHT * (ratio - self._record.token_ratio)
            self._record.changes += 1

    def _add_answer(self, good: bool, now: float) -> None:
        self._record.answers.add(self._record.sequence.next(), good, now)

    def _end(self, now: float) -> bool:
        """End the attempt. Returns False if it has ended before."""
        if self.is_over:
            return False
        self.is_over = True
        self._record.tried_at = now
        self._record.in_flight -= 1
        self._record.changes += 1
        return True


@dataclass(slots=True)
class Observations:
    """The records of all targets, by target id."""

    labels: Callable[[str], Labels | None] = lambda target: None
    """Returns a target's metric labels, None if the file no longer describes it. Set at each reload, before `pin`."""
    urgent_changes: ChangeCounter = field(default_factory=ChangeCounter)
    sequence: EventSequence = field(default_factory=EventSequence)
    probes: ProbeRuns = field(init=False)
    _records: TargetMap[Record] = field(init=False)
    _evicted: dict[Labels, TargetTotals] = field(default_factory=dict)
    """Totals of records that were evicted, so that the metrics never fall."""
    _retired: list[tuple[str, Record]] = field(default_factory=list)
    """Records of replaced accounts that still have attempts in flight, for the metrics alone."""

    def __post_init__(self) -> None:
        self.probes = ProbeRuns(self.sequence)
        self._records = TargetMap(lambda: Record(self.urgent_changes, self.sequence), on_evict=self._keep_totals)

    def start_attempt(
        self, target: str, now: float, *, stream: bool = True, is_outdated: bool = False
    ) -> AttemptRecorder:
        """Record the start of an attempt and return the recorder of its first content and its end.

        `is_outdated`: it is at an account that was replaced, so that only the metrics count it.
        """
        record = self._retire(target) if is_outdated else self._records.get_or_create(target)
        record.window.at(now).started += 1
        record.tried_at = now
        record.in_flight += 1
        record.changes += 1
        return AttemptRecorder(record, now, stream)

    def get(self, target: str) -> Record | None:
        """Return the target's record, or None if it was never tried, or its record was evicted."""
        return self._records.get(target)

    def in_flight(self, target: str) -> int:
        """Return the number of attempts in flight at a target."""
        record = self._records.get(target)
        return record.in_flight if record else 0

    def forget(self, is_outdated: Callable[[str], bool]) -> None:
        """Start the targets for which `is_outdated` holds with a clean record. The metrics keep what was counted."""
        self._retired += self._records.take(is_outdated).items()
        self._settle_retired()

    def pin(self, targets: frozenset[str]) -> None:
        """Keep the records of these targets from now on. Call it with the file's targets at each reload."""
        self._records.pin(targets)

    def totals(self) -> dict[Labels, TargetTotals]:
        """Return everything that was counted since start, by labels, evicted records included."""
        self._settle_retired()
        by_labels: dict[Labels, TargetTotals] = {}
        for labels, totals in self._evicted.items():
            by_labels.setdefault(labels, TargetTotals()).add(totals)
        for target, record in (*self._retired, *((target, self._records.get(target)) for target in self)):
            if record and (current := self.labels(target)):
                by_labels.setdefault(current, TargetTotals()).add(record.totals())
        return by_labels

    def _retire(self, target: str) -> Record:
        """Return a record that only the metrics read."""
        self._settle_retired()
        record = Record(self.urgent_changes, self.sequence)
        self._retired.append((target, record))
        return record

    def _settle_retired(self) -> None:
        """Keep only the totals of retired records without attempts in flight."""
        for target, record in self._retired:
            if not record.in_flight:
                self._keep_totals(target, record)
        self._retired = [each for each in self._retired if each[1].in_flight]

    def _keep_totals(self, target: str, record: Record) -> None:
        if labels := self.labels(target):
            self._evicted.setdefault(labels, TargetTotals()).add(record.totals())

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)
