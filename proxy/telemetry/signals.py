"""What is known of each target at one moment: the rows that a decision reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from math import ceil
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec import field as factory

from proxy.resilience.availability import UNTRIED, Availability, ProbeFailure
from proxy.telemetry.health import HEALTH_WINDOW_S, Health, Member
from proxy.telemetry.histogram import Histogram
from proxy.telemetry.observations import ChangeCounter, Observations, Record
from proxy.telemetry.rate_limit_status import RateLimitStatus
from proxy.telemetry.status_history import StatusHistories
from proxy.telemetry.window import round_up_to_buckets

REFRESH_S = 0.25
"""Seconds that a row holds, unless there is news of its target."""
IDLE_REFRESH_S = 5.0
"""Seconds that percentiles hold while nothing happens."""

MAX_RECOMPUTED = 8
"""Targets whose percentiles are worked out anew at one moment; with more, some are older than `REFRESH_S`."""
MAX_PERCENTILES = 5000
"""Percentiles kept: for each target and window asked for."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """How one measure is spread."""

    p50: float | None = None
    p95: float | None = None
    samples: int = 0


@dataclass(frozen=True, slots=True)
class Performance:
    """A target's percentiles over a window."""

    window_s: int = round_up_to_buckets(HEALTH_WINDOW_S)
    """Seconds: what was asked for, in whole buckets."""
    ttft_ms: Percentiles = Percentiles()
    """To the first content, of streams."""
    latency_ms: Percentiles = Percentiles()
    """To the end of whole answers."""
    throughput: Percentiles = Percentiles()
    """Tokens per second; more is better."""


class Signal(Struct, frozen=True):
    """One target's row."""

    available_in_ms: int = 0
    """0: now. More: it failed, or asked to be left alone, and is tried after the available ones."""
    degraded: bool = False
    """Not as well as it should be; a factor in `automatic`, and no reason to leave it out."""
    performance: Performance = Performance()
    availability: Availability = UNTRIED
    """What `available_in_ms` comes from; a request with a circuit breaker of its own reads it otherwise."""
    rate_limit: RateLimitStatus | None = None
    """What its provider last said of rate limits; None once that is out of date."""
    token_ratio: float = 1.0
    """Prompt tokens it counts for each that we estimate."""


UNTRIED_SIGNAL = Signal()
"""The row of a target nobody has tried."""


class SignalTable:
    """The rows of one moment. They never change, so what follows from them alone may be kept beside them in `memo`."""

    def __init__(self, rows: Mapping[str, Signal] = MappingProxyType({})) -> None:
        self._rows = rows
        self.memo: dict[Any, Any] = {}

    def get(self, target: str, window: float = HEALTH_WINDOW_S) -> Signal:
        """The target's row; live, its percentiles are those of that many seconds."""
        return self._rows.get(target, UNTRIED_SIGNAL)


class Signals(Struct, frozen=True):
    """All that a decision is told of the world."""

    table: SignalTable = factory(default_factory=SignalTable)
    pick_counts: Mapping[Any, Mapping[str, int]] = {}
    """Turns taken so far: by group of requests, then by provider."""
    limited_for_ms: Mapping[str, int] = {}
    """Providers at a limit of the file's -> milliseconds until they may have room again."""
    sticky_target: str | None = None
    """The target that served this session last."""
    in_flight: Callable[[str], int] = lambda target: 0
    """Attempts at a target that have begun and not ended."""


@dataclass(slots=True)
class _Measured:
    """What takes long to work out."""

    record: Record
    performance: Performance
    changes: int
    at: float


@dataclass(slots=True)
class _Made:
    """A row, and what it was made of."""

    signal: Signal
    record: Record | None
    told: int


@dataclass(slots=True)
class SignalCache:
    """The rows of the moment: of those targets that are asked for, anew after `REFRESH_S` and with any news of them."""

    observations: Observations
    availability: Callable[[str, float], Availability]
    """What keeps traffic from a target at a time."""
    target_histories: StatusHistories = field(default_factory=StatusHistories)
    group_histories: StatusHistories = field(default_factory=StatusHistories)
    """Of providers, regions and models."""
    probe_failures: Mapping[str, ProbeFailure] = field(default_factory=dict)
    """What probes have found; empty while all is well."""
    _now: SignalTable | None = None
    _until: float = 0.0
    _news: ChangeCounter = field(default_factory=ChangeCounter)
    _made: dict[tuple[str, float], _Made] = field(default_factory=dict)
    """What holds until then, but for news."""
    _turns: int = 0
    """How many may still be measured at this moment."""
    _due: dict[tuple[str, float], None] = field(default_factory=dict)
    """Those whose turn it is at this moment."""
    _late: dict[tuple[str, float], None] = field(default_factory=dict)
    """Those that wait for one, the longest first."""
    _measured: dict[tuple[str, float], _Measured] = field(default_factory=dict)

    def table_at(self, now: float) -> SignalTable:
        """The rows of this moment: the same ones again while nothing has happened that must be known at once."""
        news = self.observations.urgent_changes
        if self._now is None or now >= self._until or news != self._news:
            if now >= self._until or news.probe_changes != self._news.probe_changes:
                self._begin(now)
            self._now, self._news = _Live(self, now), replace(news)
        return self._now

    def _begin(self, now: float) -> None:
        """From now on nothing holds that was made before; first come those that have waited the longest."""
        self._until = now + REFRESH_S
        self._made.clear()
        self._due = dict.fromkeys(islice(self._late, MAX_RECOMPUTED))
        self._turns = MAX_RECOMPUTED - len(self._due)
        for key in self._due:
            del self._late[key]

    def member(self, target: str, now: float) -> Member:
        """What the target's health, and that of its groups, is judged by."""
        observations = self.observations
        return Member(self.availability(target, now), observations.get(target), observations.probes.good_probes(target))

    def health(self, target: str, member: Member, now: float) -> Health:
        """The target's own health."""
        return self.target_histories.health(target, (member,), self.observations.sequence.last, now)

    def group_health(self, key: str, members: Sequence[Member], now: float) -> Health:
        """The health of several targets as one, each of them a member once; there is at least one."""
        return self.group_histories.health(key, members, self.observations.sequence.last, now)

    def signal(self, target: str, window: float, now: float) -> Signal:
        """The target's row, made anew if there is news of it."""
        key, record = (target, window), self.observations.get(target)
        made = self._made.get(key)
        if made is None or made.record is not record or (record is not None and made.told != record.urgent_changes):
            signal = self._row(key, record, now)
            made = self._made[key] = _Made(signal, record, record.urgent_changes if record else 0)
        return made.signal

    def _row(self, key: tuple[str, float], record: Record | None, now: float) -> Signal:
        if record is None:
            known = self.probe_failures or self.target_histories.knows(key[0])
            return self._untried(key[0], now) if known else UNTRIED_SIGNAL
        if len(self._measured) >= MAX_PERCENTILES:
            self._measured.clear()  # windows are the callers' choice, and targets come and go
            self._late.clear()
        return self._signal(key[0], self._measure(key, record, now), now)

    def _untried(self, target: str, now: float) -> Signal:
        """All that can be known of it is what probes found."""
        member = self.member(target, now)
        degraded = self.health(target, member, now).status != "healthy"
        if not degraded and member.availability.probe_failure is None:
            return UNTRIED_SIGNAL
        return Signal(ceil(member.availability.available_in_s * 1000), degraded, availability=member.availability)

    def _signal(self, target: str, measured: _Measured, now: float) -> Signal:
        member, record = self.member(target, now), measured.record
        standing, remaining = member.availability, record.rate_limit
        limited = max(0.0, remaining.resets_at - now) if remaining and remaining.is_exhausted else 0.0
        return Signal(
            available_in_ms=ceil(max(standing.available_in_s, limited) * 1000),
            degraded=self.health(target, member, now).status != "healthy",
            performance=measured.performance,
            availability=standing,
            rate_limit=remaining if remaining and now < remaining.resets_at else None,
            token_ratio=record.token_ratio,
        )

    def _waits(self, key: tuple[str, float]) -> bool:
        """Whether others are measured at this moment; its turn will come."""
        if key in self._due:
            del self._due[key]
            return False
        if self._turns and key not in self._late:
            self._turns -= 1
            return False
        self._late[key] = None
        return True

    def _measure(self, key: tuple[str, float], record: Record, now: float) -> _Measured:
        known = self._measured.get(key)
        if known is not None and known.record is record:
            age = now - known.at
            idle = age < IDLE_REFRESH_S and known.changes == record.changes
            if age < REFRESH_S or idle or self._waits(key):
                return known
        window = round_up_to_buckets(key[1])
        total = record.window.sum_over(window, now)
        if window == round_up_to_buckets(HEALTH_WINDOW_S) and record.trend.is_due(now):
            record.trend.measure(now, total)
        performance = Performance(
            window, _spread(total.ttft, 1000), _spread(total.latency, 1000), _spread(total.throughput, 1)
        )
        measured = _Measured(record, performance, record.changes, now)
        self._measured[key] = measured
        return measured


class _Live(SignalTable):
    """Rows that a board makes as they are asked for."""

    def __init__(self, board: SignalCache, now: float) -> None:
        super().__init__()
        self._board, self._at = board, now
        self._made: dict[tuple[str, float], Signal] = {}

    def get(self, target: str, window: float = HEALTH_WINDOW_S) -> Signal:
        key = target, window
        row = self._made.get(key)
        if row is None:
            row = self._made[key] = self._board.signal(target, window, self._at)
        return row


def _spread(histogram: Histogram, scale: float) -> Percentiles:
    p50, p95 = histogram.percentiles(50, 95)
    if p50 is None or p95 is None:
        return Percentiles()
    return Percentiles(p50 * scale, p95 * scale, histogram.samples)
