"""What decisions have in common, kept until the snapshot or the signals change.

Requests of a kind name the same model, endpoint, capabilities and hard constraints. Their eligible targets follow from
the snapshot alone, their candidates from the snapshot and the signals, and the values that strategies and ranking need
of the candidates (lottery weights, order by speed) from the candidates. None of it depends on a single request, so each
is computed when it is first needed. A decision is the same with and without a cache.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from msgspec import Struct

from proxy.config.snapshot import Snapshot
from proxy.routing.candidates import Candidate, make_candidates
from proxy.routing.eligibility import EligibilityKey, EligibleTargets, eligibility_key, eligible_targets
from proxy.routing.lottery import lottery_weights
from proxy.routing.routing_request import RoutingRequest
from proxy.telemetry.signals import SignalTable

ELIGIBILITY_CACHE_SIZE = 512
"""Kinds of requests that are kept. Callers choose the names in them, so their number has to be bounded."""


class DecisionCache:
    """Keeps eligible targets while the snapshot stays the same, and candidate sets while the signals do too."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._signals: SignalTable | None = None
        self._eligible: dict[EligibilityKey, EligibleTargets] = {}
        self._candidates: dict[tuple[EligibleTargets, float], CandidateSet] = {}

    def refresh(self, snapshot: Snapshot, signals: SignalTable) -> None:
        """Drop what was computed from another snapshot or from other signals."""
        if snapshot is not self._snapshot:
            self._eligible.clear()
            self._candidates.clear()
        elif signals is not self._signals:
            self._candidates.clear()
        self._snapshot, self._signals = snapshot, signals

    def eligible_targets(self, request: RoutingRequest) -> EligibleTargets:
        """Return the targets that may serve requests of this kind. Call `refresh` first."""
        assert self._snapshot is not None
        key = eligibility_key(request)
        found = self._eligible.get(key)
        if found is None:
            found = eligible_targets(request, self._snapshot)
            if found.targets:  # an unknown model's name may be as long as a body: keep none of those
                self._keep(key, found)
        return found

    def _keep(self, key: EligibilityKey, found: EligibleTargets) -> None:
        if len(self._eligible) >= ELIGIBILITY_CACHE_SIZE:
            self._eligible.clear()
            self._candidates.clear()
        self._eligible[key] = found

    def candidates(self, eligible: EligibleTargets, window_s: float) -> CandidateSet:
        """Return the candidates for these targets, their performance measured over that window."""
        assert self._signals is not None
        found = self._candidates.get((eligible, window_s))
        if found is None:
            signals = self._signals
            found = CandidateSet(make_candidates((each, signals.get(each.id, window_s)) for each in eligible.targets))
            self._candidates[eligible, window_s] = found
        return found


_AFTER_ALL_PRIORITIES = 1_000_000


def priorities_of(candidates: Sequence[Candidate]) -> list[int] | None:
    """Return the priority of each candidate, or None if all have the same. Those for a class of failure alone come last."""
    priorities = [
        each.target.priority + (_AFTER_ALL_PRIORITIES if each.target.only_after else 0) for each in candidates
    ]
    return priorities if len(set(priorities)) > 1 else None


@dataclass(frozen=True, slots=True)
class SpeedOrder:
    """Indices of candidates, fastest first by median. Those without samples come last."""

    indices: list[int]
    medians_ms: list[float]
    """The medians, ascending, of those that have one: the first `len(medians_ms)` of the indices."""

    def sorted_by(self, scores: Sequence[float], max_latency_ms: float | None) -> list[int]:
        """Return the indices by score, those with a median over `max_latency_ms` after all others.

        Medians ascend, so the slow candidates are one slice: from the first median over the limit to the candidates
        without samples. Sorting is stable, so equal scores stay in the order of speed.
        """
        known = len(self.medians_ms)
        fast = known if max_latency_ms is None else bisect_right(self.medians_ms, max_latency_ms)
        if fast == known:
            return sorted(self.indices, key=scores.__getitem__)
        within_limit, slow = self.indices[:fast] + self.indices[known:], self.indices[fast:known]
        return sorted(within_limit, key=scores.__getitem__) + sorted(slow, key=scores.__getitem__)


class BalancingGroup(Struct, frozen=True, cache_hash=True):
    """Requests that are balanced together: they name the same model and have the same providers and weights."""

    model: str
    weights: tuple[tuple[str, int], ...]
    """The available providers with a weight, in listed order, weights in lowest terms."""


GroupKey = tuple[str, tuple[str, ...], tuple[tuple[str, int], ...]]
"""What a request's group depends on: balancing mode, X-Load-Balance-Providers and X-Provider-Weights."""


class CandidateSet:
    """The candidates of a decision, with what strategies, balancing and ranking derive from them alone.

    Derived values refer to candidates by index. Those that cost time are computed on first use.
    """

    __slots__ = ("_available_ids", "_lottery_weights", "_speed_orders", "available", "available_by_provider",
                 "candidates", "groups", "last_resorts", "leading_by_provider", "priorities")  # fmt: skip

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self.candidates = candidates
        self.available = [index for index, each in enumerate(candidates) if not each.signal.available_in_ms]
        self.available_by_provider: dict[str, list[int]] = {}
        for index in self.available:
            self.available_by_provider.setdefault(candidates[index].provider_name, []).append(index)
        self.priorities = priorities_of(candidates)
        """The priority of each candidate, or None if all have the same."""
        self.last_resorts = frozenset(index for index, each in enumerate(candidates) if not each.target.weight)
        """The candidates of weight 0."""
        self.leading_by_provider = self._leading_by_provider()
        """Of `available_by_provider` the candidates of the lowest priority number."""
        self.groups: dict[GroupKey, BalancingGroup] = {}
        """Kept by `balancing`."""
        self._available_ids: dict[str, int] | None = None
        self._lottery_weights: list[tuple[float, float]] | None = None
        self._speed_orders: dict[bool, tuple[SpeedOrder, SpeedOrder]] = {}

    def _leading_by_provider(self) -> dict[str, list[int]]:
        priorities = self.priorities
        if priorities is None or not self.available:
            return self.available_by_provider
        lowest = min(priorities[index] for index in self.available)
        leading = {
            name: [index for index in indices if priorities[index] == lowest]
            for name, indices in self.available_by_provider.items()
        }
        return {name: indices for name, indices in leading.items() if indices}

    def available_index(self, target_id: str) -> int | None:
        """Return the index of that target, or None if it is not an available candidate."""
        if self._available_ids is None:
            self._available_ids = {self.candidates[index].target.id: index for index in self.available}
        return self._available_ids.get(target_id)

    def lottery_weights(self) -> list[tuple[float, float]]:
        """Return what `lottery_scores` needs of each candidate."""
        if self._lottery_weights is None:
            self._lottery_weights = lottery_weights(self.candidates)
        return self._lottery_weights

    def speed_orders(self, stream: bool) -> tuple[SpeedOrder, SpeedOrder]:
        """Return the available and the unavailable candidates by time to first token (streams) or by latency."""
        orders = self._speed_orders.get(stream)
        if orders is None:
            unavailable = [index for index, each in enumerate(self.candidates) if each.signal.available_in_ms]
            orders = self._by_speed(self.available, stream), self._by_speed(unavailable, stream)
            self._speed_orders[stream] = orders
        return orders

    def _by_speed(self, indices: Sequence[int], stream: bool) -> SpeedOrder:
        performance = [each.signal.performance for each in self.candidates]
        medians = [(each.ttft_ms if stream else each.latency_ms).p50 for each in performance]
        ordered = sorted(indices, key=lambda index: inf if (median := medians[index]) is None else median)
        return SpeedOrder(ordered, [median for index in ordered if (median := medians[index]) is not None])
