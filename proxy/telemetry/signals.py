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

from proxy.telemetry.health import UNTRIED, WINDOW, Health, Member, Standing, Trouble
from proxy.telemetry.histogram import Histogram
from proxy.telemetry.observations import News, Observations, Record
from proxy.telemetry.remaining import Remaining
from proxy.telemetry.status_history import StatusHistories
from proxy.telemetry.window import covered

FRESH = 0.25
"""Seconds that a row holds, unless there is news of its target."""
STALE = 5.0
"""Seconds that percentiles hold while nothing happens."""

AT_ONCE = 8
"""Targets whose percentiles are worked out anew at one moment; with more, some are older than `FRESH`."""
ROOM = 5000
"""Percentiles kept: for each target and window asked for."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How one measure is spread."""

    p50: float | None = None
    p95: float | None = None
    samples: int = 0


@dataclass(frozen=True, slots=True)
class Performance:
    """A target's percentiles over a window."""

    window: int = covered(WINDOW)
    """Seconds: what was asked for, in whole buckets."""
    ttft_ms: Spread = Spread()
    """To the first content, of streams."""
    latency_ms: Spread = Spread()
    """To the end of whole answers."""
    throughput: Spread = Spread()
    """Tokens per second; more is better."""


class Signal(Struct, frozen=True):
    """One target's row."""

    available_in_ms: int = 0
    """0: now. More: it failed, or asked to be left alone, and is tried after the available ones."""
    degraded: bool = False
    """Not as well as it should be; a factor in `automatic`, and no reason to leave it out."""
    performance: Performance = Performance()
    standing: Standing = UNTRIED
    """What `available_in_ms` comes from; a request with a circuit breaker of its own reads it otherwise."""
    remaining: Remaining | None = None
    """What its provider last said of rate limits; None once that is out of date."""
    token_ratio: float = 1.0
    """Prompt tokens it counts for each that we estimate."""


UNKNOWN = Signal()
"""The row of a target nobody has tried."""


class Rows:
    """The rows of one moment. They never change, so what follows from them alone may be kept beside them in `memo`."""

    def __init__(self, rows: Mapping[str, Signal] = MappingProxyType({})) -> None:
        self._rows = rows
        self.memo: dict[Any, Any] = {}

    def of(self, target: str, window: float = WINDOW) -> Signal:
        """The target's row; live, its percentiles are those of that many seconds."""
        return self._rows.get(target, UNKNOWN)


class Signals(Struct, frozen=True):
    """All that a decision is told of the world."""

    rows: Rows = factory(default_factory=Rows)
    picks: Mapping[Any, Mapping[str, int]] = {}
    """Turns taken so far: by group of requests, then by provider."""
    busy: Mapping[str, int] = {}
    """Providers at a limit of the file's -> milliseconds until they may have room again."""
    sticky: str | None = None
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
class Board:
    """The rows of the moment: of those targets that are asked for, anew after `FRESH` and with any news of them."""

    observations: Observations
    standing: Callable[[str, float], Standing]
    """What keeps traffic from a target at a time."""
    target_histories: StatusHistories = field(default_factory=StatusHistories)
    group_histories: StatusHistories = field(default_factory=StatusHistories)
    """Of providers, regions and models."""
    troubles: Mapping[str, Trouble] = field(default_factory=dict)
    """What probes have found; empty while all is well."""
    _now: Rows | None = None
    _until: float = 0.0
    _news: News = field(default_factory=News)
    _made: dict[tuple[str, float], _Made] = field(default_factory=dict)
    """What holds until then, but for news."""
    _turns: int = 0
    """How many may still be measured at this moment."""
    _due: dict[tuple[str, float], None] = field(default_factory=dict)
    """Those whose turn it is at this moment."""
    _late: dict[tuple[str, float], None] = field(default_factory=dict)
    """Those that wait for one, the longest first."""
    _measured: dict[tuple[str, float], _Measured] = field(default_factory=dict)

    def at(self, now: float) -> Rows:
        """The rows of this moment: the same ones again while nothing has happened that must be known at once."""
        news = self.observations.news
        if self._now is None or now >= self._until or news != self._news:
            if now >= self._until or news.places != self._news.places:
                self._begin(now)
            self._now, self._news = _Live(self, now), replace(news)
        return self._now

    def _begin(self, now: float) -> None:
        """From now on nothing holds that was made before; first come those that have waited the longest."""
        self._until = now + FRESH
        self._made.clear()
        self._due = dict.fromkeys(islice(self._late, AT_ONCE))
        self._turns = AT_ONCE - len(self._due)
        for key in self._due:
            del self._late[key]

    def member(self, target: str, now: float) -> Member:
        """What the target's health, and that of its groups, is judged by."""
        observations = self.observations
        return Member(self.standing(target, now), observations.of(target), observations.probes.of(target))

    def health(self, target: str, member: Member, now: float) -> Health:
        """The target's own health."""
        return self.target_histories.health(target, (member,), self.observations.numbering.last, now)

    def group_health(self, key: str, members: Sequence[Member], now: float) -> Health:
        """The health of several targets as one, each of them a member once; there is at least one."""
        return self.group_histories.health(key, members, self.observations.numbering.last, now)

    def row(self, target: str, window: float, now: float) -> Signal:
        """The target's row, made anew if there is news of it."""
        key, record = (target, window), self.observations.of(target)
        made = self._made.get(key)
        if made is None or made.record is not record or (record is not None and made.told != record.told):
            signal = self._row(key, record, now)
            made = self._made[key] = _Made(signal, record, record.told if record else 0)
        return made.signal

    def _row(self, key: tuple[str, float], record: Record | None, now: float) -> Signal:
        if record is None:
            known = self.troubles or self.target_histories.knows(key[0])
            return self._untried(key[0], now) if known else UNKNOWN
        if len(self._measured) >= ROOM:
            self._measured.clear()  # windows are the callers' choice, and targets come and go
            self._late.clear()
        return self._signal(key[0], self._measure(key, record, now), now)

    def _untried(self, target: str, now: float) -> Signal:
        """All that can be known of it is what probes found."""
        member = self.member(target, now)
        degraded = self.health(target, member, now).status != "healthy"
        if not degraded and member.standing.trouble is None:
            return UNKNOWN
        return Signal(ceil(member.standing.available_in * 1000), degraded, standing=member.standing)

    def _signal(self, target: str, measured: _Measured, now: float) -> Signal:
        member, record = self.member(target, now), measured.record
        standing, remaining = member.standing, record.remaining
        limited = max(0.0, remaining.until - now) if remaining and remaining.spent else 0.0
        return Signal(
            available_in_ms=ceil(max(standing.available_in, limited) * 1000),
            degraded=self.health(target, member, now).status != "healthy",
            performance=measured.performance,
            standing=standing,
            remaining=remaining if remaining and now < remaining.until else None,
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
            idle = age < STALE and known.changes == record.changes
            if age < FRESH or idle or self._waits(key):
                return known
        window = covered(key[1])
        total = record.window.over(window, now)
        if window == covered(WINDOW) and record.trend.is_due(now):
            record.trend.measure(now, total)
        performance = Performance(
            window, _spread(total.ttft, 1000), _spread(total.latency, 1000), _spread(total.throughput, 1)
        )
        measured = _Measured(record, performance, record.changes, now)
        self._measured[key] = measured
        return measured


class _Live(Rows):
    """Rows that a board makes as they are asked for."""

    def __init__(self, board: Board, now: float) -> None:
        super().__init__()
        self._board, self._at = board, now
        self._made: dict[tuple[str, float], Signal] = {}

    def of(self, target: str, window: float = WINDOW) -> Signal:
        key = target, window
        row = self._made.get(key)
        if row is None:
            row = self._made[key] = self._board.row(target, window, self._at)
        return row


def _spread(histogram: Histogram, scale: float) -> Spread:
    p50, p95 = histogram.percentiles(50, 95)
    if p50 is None or p95 is None:
        return Spread()
    return Spread(p50 * scale, p95 * scale, histogram.samples)
