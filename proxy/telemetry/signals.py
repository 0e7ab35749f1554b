"""What is known of each target at one moment: the rows that a decision reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from proxy.telemetry.health import UNTRIED, WINDOW, Healths, Standing, evidence
from proxy.telemetry.histogram import Histogram
from proxy.telemetry.observations import Observations, Record, Remaining
from proxy.telemetry.window import covered

FRESH = 0.25
"""Seconds that a row holds, unless something happens at its target."""
STALE = 5.0
"""Seconds that percentiles hold while nothing happens."""

AT_ONCE = 8
"""Targets whose percentiles are worked out anew for one decision; with more, some are older than `FRESH`."""
ROOM = 5000
"""Rows kept: one for each target and window asked for."""


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


@dataclass(frozen=True, slots=True)
class Signal:
    """One target's row."""

    available_in_ms: int = 0
    """0: now. More: it failed, or asked to be left alone, and is tried after the available ones."""
    degraded: bool = False
    """Not as well as it should be; a factor in `automatic`, and no reason to leave it out."""
    in_flight: int = 0
    performance: Performance = Performance()
    standing: Standing = UNTRIED
    """What `available_in_ms` comes from; a request with a circuit breaker of its own reads it otherwise."""
    remaining: Remaining | None = None
    """What its provider last said of rate limits; None once that is out of date."""
    token_ratio: float = 1.0
    """Prompt tokens it counts for each that we estimate."""


UNKNOWN = Signal()
"""The row of a target nobody has tried."""


@dataclass(frozen=True, slots=True)
class Signals:
    """All rows, by target id."""

    rows: Mapping[str, Signal] = field(default_factory=dict)
    picks: Mapping[Any, Mapping[str, int]] = field(default_factory=dict)
    """Turns taken so far: by group of requests, then by provider."""
    busy: Mapping[str, int] = field(default_factory=dict)
    """Providers at a limit of the file's -> milliseconds until they may have room again."""
    sticky: str | None = None
    """The target that served this session last."""

    def of(self, target: str, window: float = WINDOW) -> Signal:
        """The target's row; live, its percentiles are those of that many seconds."""
        return self.rows.get(target, UNKNOWN)


@dataclass(slots=True)
class _Row:
    """A row and how long it holds."""

    signal: Signal
    changes: int
    until: float


@dataclass(slots=True)
class _Measured:
    """What takes long to work out: percentiles and health."""

    record: Record
    performance: Performance
    degraded: bool
    changes: int
    at: float


@dataclass(slots=True)
class Board:
    """Makes the rows of those targets that are asked for, and keeps them as long as they hold."""

    observations: Observations
    standing: Callable[[str, float], Standing]
    """What keeps traffic from a target at a time."""
    healths: Healths = field(default_factory=Healths)
    _moment: float = 0.0
    _at_once: int = 0
    _rows: dict[tuple[str, float], _Row] = field(default_factory=dict)
    _measured: dict[tuple[str, float], _Measured] = field(default_factory=dict)

    def at(self, now: float) -> Signals:
        """The signals of this moment."""
        return _Live(board=self, now=now)

    def row(self, target: str, window: float, now: float) -> Signal:
        """The target's row, made anew if something happened there or `FRESH` is over."""
        record = self.observations.of(target)
        if record is None:
            return UNKNOWN
        key = target, window
        row = self._rows.get(key)
        if row is None or row.changes != record.changes or now >= row.until:
            self._make_room()
            measured = self._measure(key, record, now)
            until = measured.at + FRESH if measured.at + FRESH > now else now + FRESH
            row = self._rows[key] = _Row(self._signal(target, measured, now), record.changes, until)
        return row.signal

    def _make_room(self) -> None:
        """Windows are the callers' choice, and targets come and go: begin anew before there are too many."""
        if len(self._rows) >= ROOM:
            self._rows.clear()
            self._measured.clear()

    def _signal(self, target: str, measured: _Measured, now: float) -> Signal:
        standing = self.standing(target, now)
        record = measured.record
        remaining = record.remaining
        spent = remaining is not None and 0 in (remaining.requests, remaining.tokens)
        limited = max(0.0, remaining.until - now) if remaining and spent else 0.0
        return Signal(
            available_in_ms=ceil(max(standing.available_in, limited) * 1000),
            degraded=measured.degraded or standing.available_in > 0 or standing.proving,
            in_flight=record.in_flight,
            performance=measured.performance,
            standing=standing,
            remaining=remaining if remaining and now < remaining.until else None,
            token_ratio=record.token_ratio,
        )

    def _busy(self, now: float) -> bool:
        """Whether enough was worked out at this moment: what is left waits for the next."""
        if now != self._moment:
            self._moment, self._at_once = now, 0
        self._at_once += 1
        return self._at_once > AT_ONCE

    def _measure(self, key: tuple[str, float], record: Record, now: float) -> _Measured:
        known = self._measured.get(key)
        if known is not None and known.record is record:
            age = now - known.at
            idle = age < STALE and known.changes == record.changes
            if age < FRESH or idle or self._busy(now):
                return known
        target, window = key[0], covered(key[1])
        seen = evidence(record, self.standing(target, now), now)
        health = self.healths.of(target, seen, now)
        total = seen.recent if window == covered(WINDOW) else record.window.over(window, now)
        performance = Performance(
            window, _spread(total.ttft, 1000), _spread(total.latency, 1000), _spread(total.throughput, 1)
        )
        measured = _Measured(record, performance, health.status != "healthy", record.changes, now)
        self._measured[key] = measured
        return measured


@dataclass(frozen=True, slots=True)
class _Live(Signals):
    """Signals that a board makes as they are asked for."""

    board: Board = field(kw_only=True)
    now: float = field(kw_only=True)

    def of(self, target: str, window: float = WINDOW) -> Signal:
        return self.board.row(target, window, self.now)


def _spread(histogram: Histogram, scale: float) -> Spread:
    p50, p95 = histogram.percentiles(50, 95)
    if p50 is None or p95 is None:
        return Spread()
    return Spread(p50 * scale, p95 * scale, histogram.samples)
