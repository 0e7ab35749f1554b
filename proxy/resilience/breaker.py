"""Takes a target out that keeps failing, and lets one attempt at a time find out whether it is back."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from random import Random
from typing import Annotated

from msgspec import Meta, Struct

from proxy.config.units import Ratio, Seconds
from proxy.resilience.classification import Classification
from proxy.telemetry.window import Ring

_STEP = 5
_JITTER = 0.2
PROBE_LEASE_S = 600.0
"""Seconds after which a probe that was never heard of again makes room for another."""


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a target is taken out, and for how long."""

    enabled: bool = True
    failure_threshold: Annotated[int, Meta(ge=1)] = 5
    """Hard failures in a row."""
    min_success_rate: Ratio = Ratio(0.5)
    """The part that must succeed of at least `min_requests` within `window`."""
    min_requests: Annotated[int, Meta(ge=1)] = 20
    window: Seconds = Seconds(60)
    """300s at most."""
    base_ejection_time: Seconds = Seconds(5)
    """The first ejection; each further one in a row is twice as long."""
    max_ejection_time: Seconds = Seconds(20)


@dataclass(slots=True)
class SuccessCount:
    """Verdicts of one stretch of time."""

    successes: int = 0
    failures: int = 0


class BreakerPermit(Struct, eq=False):
    """Leave for one attempt, which its verdicts are known by."""

    has_content: bool = False
    """Whether its first content is in hand."""


@dataclass(slots=True)
class Breaker:
    """One target's; closed, ejected until a time, or after that time waiting for a probe to succeed."""

    random: Random
    failed_at: float | None = None
    consecutive_truncations: int = 0
    """Answers in a row that were cut after their first content; an answer's beginning is no proof against them."""
    _failures: int = 0
    _tallies: Ring[SuccessCount] = field(default_factory=lambda: Ring(_STEP, 60, SuccessCount))
    _ejections: int = 0
    """In a row; 0: closed."""
    _until: float = 0.0
    _probe: BreakerPermit | None = None
    _probe_until: float = 0.0
    _answered: bool = False
    """An attempt or a probe was answered since the ejection, though it may not have been the one that ends it."""

    @property
    def consecutive_failures(self) -> int:
        """Hard failures in a row."""
        return max(self._failures, self.consecutive_truncations)

    @property
    def only_failed(self) -> bool:
        """Whether it was ejected and neither an attempt nor a probe was answered since."""
        return self._ejections > 0 and not self._answered

    def ejected_for_s(self, now: float) -> float:
        """Seconds it is still taken out."""
        return max(0.0, self._until - now) if self._ejections else 0.0

    def admit(self, now: float) -> BreakerPermit | None:
        """Leave for one attempt; None while it is taken out, and while another attempt finds out whether it is back."""
        if not self._ejections:
            return BreakerPermit()
        if now < self._until or (self._probe is not None and now < self._probe_until):
            return None
        self._probe, self._probe_until = BreakerPermit(), now + PROBE_LEASE_S
        return self._probe

    def record_content(self, permit: BreakerPermit, now: float) -> None:
        """An attempt has its first content."""
        permit.has_content = self._answered = True
        self._failures = 0
        if permit is self._probe:
            self._recover()
        if not self._ejections:
            self._tallies.at(now).successes += 1

    def record_failure(
        self, permit: BreakerPermit, verdict: Classification, now: float, settings: BreakerSettings
    ) -> None:
        """An attempt failed; after its first content, its success is taken back."""
        self._count_run(permit, verdict, now)
        if permit is self._probe:
            self._end_probe(verdict, now, settings)
        elif not self._ejections:
            self._count_ratio(permit, verdict, now)
            if verdict.counts_as == "failure" and self._trips(now, settings):
                self._eject(now, settings)

    def end_ejection(self, now: float) -> None:
        """What kept it out seems to be over: an attempt may find out now."""
        self._until = min(self._until, now)

    def record_probe_success(self, now: float) -> None:
        """A probe was answered; while it is ejected, that proves nothing."""
        self._answered = self._answered or now >= self._until

    def record_finish(self) -> None:
        """An answer came to its proper end."""
        self.consecutive_truncations = 0

    def release(self, permit: BreakerPermit) -> None:
        """An attempt ended without saying anything of the target."""
        if permit is self._probe:
            self._probe = None

    def _count_run(self, permit: BreakerPermit, verdict: Classification, now: float) -> None:
        if verdict.consecutive == "increment":
            self.failed_at = now
            if permit.has_content:
                self.consecutive_truncations += 1
                self._answered = False
            else:
                self._failures += 1
        elif verdict.consecutive == "reset":
            self._failures, self._answered = 0, True

    def _count_ratio(self, permit: BreakerPermit, verdict: Classification, now: float) -> None:
        tally = self._tallies.at(now)
        if verdict.counts_as == "failure":
            tally.failures += 1
            tally.successes -= permit.has_content
        elif verdict.counts_as == "success":
            tally.successes += 1

    def _trips(self, now: float, settings: BreakerSettings) -> bool:
        if not settings.enabled:
            return False
        if self.consecutive_failures >= settings.failure_threshold:
            return True
        tallies = list(self._tallies.last(ceil(settings.window / _STEP), now))
        bad = sum(tally.failures for tally in tallies)
        total = bad + max(0, sum(tally.successes for tally in tallies))
        return total >= settings.min_requests and total - bad < settings.min_success_rate * total

    def _end_probe(self, verdict: Classification, now: float, settings: BreakerSettings) -> None:
        self._probe = None
        if verdict.counts_as == "failure":
            self._eject(now, settings)
        elif verdict.counts_as == "success":
            self._recover()

    def _eject(self, now: float, settings: BreakerSettings) -> None:
        longest = min(settings.max_ejection_time, settings.base_ejection_time * 2.0 ** min(self._ejections, 30))
        self._until = now + longest * (1 - _JITTER * self.random.random())
        self._ejections += 1
        self._probe, self._answered = None, False

    def _recover(self) -> None:
        self._probe = None
        self._ejections = 0
        self._failures = self.consecutive_truncations = 0
        self._tallies.clear()
