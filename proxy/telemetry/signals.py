"""The signals of each target that a routing decision reads: availability, percentiles, rate limits, calibration."""

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
"""A signal is used for this long, unless its target has an urgent change."""
IDLE_REFRESH_S = 5.0
"""Percentiles of a target without any change are used for this long."""

MAX_RECOMPUTED = 8
"""Percentiles (of a target and window) that are recomputed per `REFRESH_S`. With more, some are older."""
MAX_PERCENTILES = 5000
"""Entries kept, one for each target and requested window."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Percentiles of one measure, or None without samples."""

    p50: float | None = None
    p95: float | None = None
    samples: int = 0


@dataclass(frozen=True, slots=True)
class Performance:
    """A target's percentiles over a window."""

    window_s: int = round_up_to_buckets(HEALTH_WINDOW_S)
    """The requested window, rounded up to buckets."""
    ttft_ms: Percentiles = Percentiles()
    """Time to the first content of streams."""
    latency_ms: Percentiles = Percentiles()
    """Time to the end of complete responses."""
    throughput: Percentiles = Percentiles()
    """Tokens per second."""


class Signal(Struct, frozen=True):
    """What a decision reads about one target."""

    available_in_ms: int = 0
    """More than 0: ejected, cooling down or at a rate limit, and ranked after the available targets."""
    degraded: bool = False
    """Whether its health is not healthy: a factor of the strategy `automatic`, and no reason for exclusion."""
    performance: Performance = Performance()
    availability: Availability = UNTRIED
    """What `available_in_ms` is derived from. A request that overrides the breaker derives it differently."""
    rate_limit: RateLimitStatus | None = None
    """The rate limits of its latest response, or None once they have been reset."""
    token_ratio: float = 1.0
    """Prompt tokens that the provider counts for each estimated one."""


UNTRIED_SIGNAL = Signal()
"""The signal of a target that was never tried."""


class SignalTable:
    """The signals of all targets at one moment. They never change."""

    def __init__(self, rows: Mapping[str, Signal] = MappingProxyType({})) -> None:
        self._rows = rows

    def get(self, target: str, window_s: float = HEALTH_WINDOW_S) -> Signal:
        """Return the target's signal. In a live table its percentiles are over that many seconds."""
        return self._rows.get(target, UNTRIED_SIGNAL)


class Signals(Struct, frozen=True):
    """Everything a decision reads, except for the request and the configuration."""

    table: SignalTable = factory(default_factory=SignalTable)
    pick_counts: Mapping[Any, Mapping[str, int]] = {}
    """Picks of the load balancer so far: by group of requests, then by provider."""
    limited_for_ms: Mapping[str, int] = {}
    """Providers and targets at a configured limit (`LimitGroup.holder`), with the milliseconds until there may be room."""
    refused_members: Mapping[str, frozenset[Any]] = {}
    """The members of requests that each target has refused lately (`resilience.refusal_memory.RefusedMember`), by its id."""
    sticky_target: str | None = None
    """The target that served the request's session last."""
    in_flight: Callable[[str], int] = lambda target: 0
    """Returns the number of attempts in flight at a target."""


@dataclass(slots=True)
class _CachedPercentiles:
    record: Record
    performance: Performance
    changes: int
    """`record.changes` at that time."""
    at: float


@dataclass(slots=True)
class _CachedSignal:
    signal: Signal
    record: Record | None
    urgent_changes: int
    """`record.urgent_changes` at that time."""


@dataclass(slots=True)
class SignalCache:
    """Computes signals on request and caches them.

    A signal is recomputed after `REFRESH_S`, or at once if its target has an urgent change (a failure, a recovery, an
    exhausted rate limit) or a probe result changed. Percentiles are costly: at most `MAX_RECOMPUTED` are recomputed
    per `REFRESH_S`, not counting targets without any. Other signals keep older percentiles and are queued, and the
    queue comes first in the next period.
    For example, with 20 busy targets 8 are recomputed, then 8 of the remaining 12, then the last 4 and the first 4.
    """

    observations: Observations
    availability: Callable[[str, float], Availability]
    """Returns what keeps traffic from a target at a time."""
    target_histories: StatusHistories = field(default_factory=StatusHistories)
    group_histories: StatusHistories = field(default_factory=StatusHistories)
    """Health of providers, regions and models."""
    probe_failures: Mapping[str, ProbeFailure] = field(default_factory=dict)
    """By provider and region, the dictionary of `Breakers`."""
    key_pools: Mapping[str, Any] = field(default_factory=dict)
    """By provider, the dictionary of `KeyPools`: their cooldowns hold for targets that were never tried, too."""
    _table: SignalTable | None = None
    _period_ends: float = 0.0
    _seen_changes: ChangeCounter = field(default_factory=ChangeCounter)
    _rows: dict[tuple[str, float], _CachedSignal] = field(default_factory=dict)
    """By target and window, computed in this period."""
    _budget: int = 0
    """How many percentiles may still be recomputed in this period, in addition to `_refresh_now`."""
    _refresh_now: dict[tuple[str, float], None] = field(default_factory=dict)
    """Percentiles that waited for this period."""
    _deferred: dict[tuple[str, float], None] = field(default_factory=dict)
    """Percentiles that wait for a later period, in order."""
    _percentiles: dict[tuple[str, float], _CachedPercentiles] = field(default_factory=dict)

    def table_at(self, now: float) -> SignalTable:
        """Return the signals at this moment: the same table again until one of them has to be recomputed."""
        changes = self.observations.urgent_changes
        seen = self._seen_changes
        if (
            self._table is None
            or now >= self._period_ends
            or changes.count != seen.count
            or changes.probe_changes != seen.probe_changes
        ):
            if now >= self._period_ends or changes.probe_changes != seen.probe_changes:
                self._start_period(now)
            self._table, self._seen_changes = _LiveTable(self, now), replace(changes)
        return self._table

    def _start_period(self, now: float) -> None:
        self._period_ends = now + REFRESH_S
        self._rows.clear()
        self._refresh_now = dict.fromkeys(islice(self._deferred, MAX_RECOMPUTED))
        self._budget = MAX_RECOMPUTED - len(self._refresh_now)
        for key in self._refresh_now:
            del self._deferred[key]

    def member(self, target: str, now: float) -> Member:
        """Return what the health of the target, and of its groups, depends on."""
        observations = self.observations
        return Member(self.availability(target, now), observations.get(target), observations.probes.good_probes(target))

    def health(self, target: str, member: Member, now: float) -> Health:
        """Return the target's own health."""
        return self.target_histories.health(target, (member,), self.observations.sequence.last, now)

    def group_health(self, key: str, members: Sequence[Member], now: float) -> Health:
        """Return the health of a group of at least one target, each of them a member once."""
        return self.group_histories.health(key, members, self.observations.sequence.last, now)

    def signal(self, target: str, window_s: float, now: float) -> Signal:
        """Return the target's signal, recomputed if the cached one is out of date."""
        key, record = (target, window_s), self.observations.get(target)
        urgent_changes = record.urgent_changes if record else 0
        cached = self._rows.get(key)
        if cached is None or cached.record is not record or cached.urgent_changes != urgent_changes:
            cached = self._rows[key] = _CachedSignal(self._compute(key, record, now), record, urgent_changes)
        return cached.signal

    def _compute(self, key: tuple[str, float], record: Record | None, now: float) -> Signal:
        if record is None:
            known = self.probe_failures or self.key_pools or self.target_histories.has(key[0])
            return self._signal_without_record(key[0], now) if known else UNTRIED_SIGNAL
        if len(self._percentiles) >= MAX_PERCENTILES:
            # Callers choose the windows, and targets come and go.
            self._percentiles.clear()
            self._deferred.clear()
        return self._signal_of_record(key[0], record, self._performance(key, record, now), now)

    def _signal_without_record(self, target: str, now: float) -> Signal:
        """Return the signal of a target that was never tried, which only probes can provide."""
        member = self.member(target, now)
        degraded = self.health(target, member, now).status != "healthy"
        if not degraded and member.availability.probe_failure is None:
            return UNTRIED_SIGNAL
        return Signal(ceil(member.availability.available_in_s * 1000), degraded, availability=member.availability)

    def _signal_of_record(self, target: str, record: Record, performance: Performance, now: float) -> Signal:
        member, rate_limit = self.member(target, now), record.rate_limit
        limited_for_s = max(0.0, rate_limit.resets_at - now) if rate_limit and rate_limit.is_exhausted else 0.0
        return Signal(
            available_in_ms=ceil(max(member.availability.available_in_s, limited_for_s) * 1000),
            degraded=self.health(target, member, now).status != "healthy",
            performance=performance,
            availability=member.availability,
            rate_limit=rate_limit if rate_limit and now < rate_limit.resets_at else None,
            token_ratio=record.token_ratio,
        )

    def _try_acquire(self, key: tuple[str, float]) -> bool:
        """Acquire a recomputation in this period. If there is none left, queue the key and return False."""
        if key in self._refresh_now:
            del self._refresh_now[key]
            return True
        if self._budget and key not in self._deferred:
            self._budget -= 1
            return True
        self._deferred[key] = None
        return False

    def _performance(self, key: tuple[str, float], record: Record, now: float) -> Performance:
        """Return cached percentiles, or recompute them if they are out of date and the budget allows it."""
        cached = self._percentiles.get(key)
        if cached is not None and cached.record is record:
            age_s = now - cached.at
            is_idle = age_s < IDLE_REFRESH_S and cached.changes == record.changes
            if age_s < REFRESH_S or is_idle or not self._try_acquire(key):
                return cached.performance
        window_s = round_up_to_buckets(key[1])
        total = record.window.sum_over(window_s, now)
        if window_s == round_up_to_buckets(HEALTH_WINDOW_S) and record.trend.is_due(now):
            record.trend.measure(now, total)
        performance = Performance(
            window_s,
            _percentiles(total.ttft, 1000),
            _percentiles(total.latency, 1000),
            _percentiles(total.throughput, 1),
        )
        self._percentiles[key] = _CachedPercentiles(record, performance, record.changes, now)
        return performance


class _LiveTable(SignalTable):
    """Takes signals from a cache as they are requested, and returns the same ones from then on."""

    def __init__(self, cache: SignalCache, now: float) -> None:
        super().__init__()
        self._cache, self._at = cache, now
        self._signals: dict[tuple[str, float], Signal] = {}

    def get(self, target: str, window_s: float = HEALTH_WINDOW_S) -> Signal:
        key = target, window_s
        signal = self._signals.get(key)
        if signal is None:
            signal = self._signals[key] = self._cache.signal(target, window_s, self._at)
        return signal


def _percentiles(histogram: Histogram, scale: float) -> Percentiles:
    p50, p95 = histogram.percentiles(50, 95)
    if p50 is None or p95 is None:
        return Percentiles()
    return Percentiles(p50 * scale, p95 * scale, histogram.samples)
