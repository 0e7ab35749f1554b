"""Candidates: the targets that may serve a request, each with its current signal and its weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from proxy.config.snapshot import Target
from proxy.telemetry.signals import Signal


class Candidate(Struct, frozen=True, eq=False):
    """A target that may serve the request, with its signal at the time of the decision."""

    target: Target
    signal: Signal
    weight: float
    """The weight of its group divided by the number of candidates in it, so that regions do not add to a share."""
    provider_name: str


def make_candidates(signals: Iterable[tuple[Target, Signal]]) -> list[Candidate]:
    """Return a candidate for each target, dividing each weight among the targets that share it."""
    pairs = list(signals)
    counts = Counter(target.weight_group for target, _ in pairs)
    return [
        Candidate(target, signal, target.weight / counts[target.weight_group], target.provider.name)
        for target, signal in pairs
    ]


def delay_candidates(candidates: Sequence[Candidate], limited_for_ms: Mapping[str, int]) -> list[Candidate]:
    """Return the candidates, those at a limit unavailable for at least that many milliseconds."""
    return [_delay(each, limit_wait_ms(each.target, limited_for_ms)) for each in candidates]


def limit_wait_ms(target: Target, limited_for_ms: Mapping[str, int]) -> int:
    """Return the milliseconds until there is room for the target, given `Signals.limited_for_ms`."""
    own = target.limits
    return max(limited_for_ms.get(target.provider.name, 0), limited_for_ms.get(own.holder, 0) if own else 0)


def _delay(candidate: Candidate, wait_ms: int) -> Candidate:
    if wait_ms <= candidate.signal.available_in_ms:
        return candidate
    return replace(candidate, signal=replace(candidate.signal, available_in_ms=wait_ms))
