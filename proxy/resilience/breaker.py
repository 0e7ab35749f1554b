"""The circuit breaker of one target.

closed:     every attempt is admitted. 5 failures in a row, or a success rate under 50 % of at least 20 attempts in
            60 s, open it.
open:       the target is ejected, no attempt is admitted: for 5 s, doubling up to 20 s, less up to 20 % of jitter.
half-open:  after that, one attempt at a time is admitted. Its first content closes the breaker and clears all
            counts. Its failure opens it again. If it ends without evidence, the next attempt is admitted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from random import Random
from typing import Annotated, Literal

from msgspec import Meta, Struct

from proxy.config.units import Ratio, Seconds
from proxy.resilience.classification import Classification
from proxy.telemetry.window import Ring

State = Literal["closed", "open", "half-open"]

TRIAL_LEASE_S = 600.0
"""A trial attempt that has not ended by then is ignored: the next attempt is admitted."""
_BUCKET_S = 5
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a target is ejected, and for how long."""

    enabled: bool = True
    """`false`: no target is ejected."""
    failure_threshold: Annotated[int, Meta(ge=1)] = 5
    """Consecutive failures that eject a target."""
    min_success_rate: Ratio = Ratio(0.5)
    """A lower success rate within `window` ejects it too."""
    min_requests: Annotated[int, Meta(ge=1)] = 20
    """Results within `window` that the success rate needs."""
    window: Seconds = Seconds(60)
    """Period of the success rate, at most `300s`."""
    base_ejection_time: Seconds = Seconds(5)
    """First ejection. Each further one in a row is twice as long."""
    max_ejection_time: Seconds = Seconds(20)
    """Longest ejection."""


@dataclass(slots=True)
class SuccessCount:
    """Successes and failures of one bucket of time."""

    successes: int = 0
    failures: int = 0


class BreakerPermit(Struct, eq=False):
    """Identifies one attempt, so that only the trial attempt can close the breaker or open it again."""

    has_content: bool = False
    """Whether its first content has arrived."""


@dataclass(slots=True)
class Breaker:
    """State and counts of one target's circuit breaker."""

    random: Random
    failed_at: float | None = None
    """When the latest failure ended that counts as consecutive."""
    consecutive_truncations: int = 0
    """Responses in a row that were truncated after their first content. Only a complete response ends the row."""
    _failures: int = 0
    """Consecutive failures before the first content."""
    _counts: Ring[SuccessCount] = field(default_factory=lambda: Ring(_BUCKET_S, 60, SuccessCount))
    _ejections: int = 0
    """Ejections in a row, or 0 while the breaker is closed."""
    _open_until: float = 0.0
    _trial: BreakerPermit | None = None
    _trial_lease_ends: float = 0.0
    _has_succeeded: bool = False
    """Whether any attempt or probe has succeeded since the ejection, not only the trial attempt."""

    def state(self, now: float) -> State:
        """Return the state at that time."""
        if not self._ejections:
            return "closed"
        return "open" if now < self._open_until else "half-open"

    @property
    def consecutive_failures(self) -> int:
        """Failures in a row, or truncated responses in a row if those are more."""
        return max(self._failures, self.consecutive_truncations)

    @property
    def only_failed(self) -> bool:
        """Whether the target was ejected and neither an attempt nor a probe has succeeded since."""
        return self._ejections > 0 and not self._has_succeeded

    def ejected_for_s(self, now: float) -> float:
        """Seconds until an open breaker becomes half-open, else 0."""
        return self._open_until - now if self.state(now) == "open" else 0.0

    def admits(self, now: float) -> bool:
        """Return whether `admit` would admit an attempt."""
        if not self._ejections:
            return True
        return now >= self._open_until and (self._trial is None or now >= self._trial_lease_ends)

    def admit(self, now: float) -> BreakerPermit | None:
        """Admit one attempt. Returns None if the breaker is open, or half-open with a trial attempt in flight."""
        if not self._ejections:
            return BreakerPermit()
        if not self.admits(now):
            return None
        self._trial, self._trial_lease_ends = BreakerPermit(), now + TRIAL_LEASE_S
        return self._trial

    def record_content(self, permit: BreakerPermit, now: float) -> None:
        """Record the first content of an attempt: it counts as a success until it fails later."""
        permit.has_content = self._has_succeeded = True
        self._failures = 0
        if permit is self._trial:
            self._close()
        if not self._ejections:
            self._counts.at(now).successes += 1

    def record_failure(
        self, permit: BreakerPermit, classification: Classification, now: float, settings: BreakerSettings
    ) -> None:
        """Record the failure of an attempt. After its first content, its success is removed from the counts."""
        self._count_consecutive(permit, classification, now)
        if permit is self._trial:
            self._end_trial(classification, now, settings)
        elif self.state(now) == "closed":
            self._count_rate(permit, classification, now)
            if classification.counts_as == "failure" and self._must_open(now, settings):
                self._open(now, settings)

    def record_finish(self) -> None:
        """Record the complete end of a response."""
        self.consecutive_truncations = 0

    def record_probe_success(self, now: float) -> None:
        """Record a successful health probe. It proves nothing while the breaker is open."""
        self._has_succeeded = self._has_succeeded or now >= self._open_until

    def release(self, permit: BreakerPermit) -> None:
        """Record that an attempt ended without evidence about the target."""
        if permit is self._trial:
            self._trial = None

    def end_ejection(self, now: float) -> None:
        """Make an open breaker half-open at once."""
        self._open_until = min(self._open_until, now)

    def _count_consecutive(self, permit: BreakerPermit, classification: Classification, now: float) -> None:
        if classification.consecutive == "increment":
            self.failed_at = now
            if permit.has_content:
                self.consecutive_truncations += 1
                self._has_succeeded = False
            else:
                self._failures += 1
        elif classification.consecutive == "reset":
            self._failures, self._has_succeeded = 0, True

    def _count_rate(self, permit: BreakerPermit, classification: Classification, now: float) -> None:
        count = self._counts.at(now)
        if classification.counts_as == "failure":
            count.failures += 1
            count.successes -= permit.has_content
        elif classification.counts_as == "success":
            count.successes += 1

    def _must_open(self, now: float, settings: BreakerSettings) -> bool:
        if not settings.enabled:
            return False
        if self.consecutive_failures >= settings.failure_threshold:
            return True
        counts = list(self._counts.last(ceil(settings.window / _BUCKET_S), now))
        # A bucket is negative if its truncated responses began in an earlier one, which may have left the window.
        successes = max(0, sum(count.successes for count in counts))
        total = successes + sum(count.failures for count in counts)
        # A quotient, not a product: 7 / 25 is exactly 28 %, while 0.28 * 25 is more than 7.
        return total >= settings.min_requests and successes / total < settings.min_success_rate

    def _end_trial(self, classification: Classification, now: float, settings: BreakerSettings) -> None:
        self._trial = None
        if classification.counts_as == "failure":
            self._open(now, settings)
        elif classification.counts_as == "success":
            self._close()

    def _open(self, now: float, settings: BreakerSettings) -> None:
        ejection_s = min(settings.max_ejection_time, settings.base_ejection_time * 2.0 ** min(self._ejections, 30))
        self._open_until = now + ejection_s * (1 - _JITTER * self.random.random())
        self._ejections += 1
        self._trial, self._has_succeeded = None, False

    def _close(self) -> None:
        self._trial = None
        self._ejections = 0
        self._failures = self.consecutive_truncations = 0
        self._counts.clear()
