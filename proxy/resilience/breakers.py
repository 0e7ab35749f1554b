"""Every target's breaker and cooldown, kept by its id, and the same seen as one request asks to see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

from msgspec import Struct

from proxy.resilience.breaker import Breaker, BreakerPermit, BreakerSettings
from proxy.resilience.classification import Classification
from proxy.resilience.cooldown import Cooldown
from proxy.telemetry.health import UNTRIED, Availability, ProbeFailure
from proxy.telemetry.target_map import TargetMap


@dataclass(frozen=True, slots=True)
class BreakerOverride:
    """A request's own circuit breaker, which replaces the shared view for that request alone."""

    enabled: bool = True
    failure_threshold: int = 5
    recovery_timeout_s: float = 300.0
    """Seconds since the last failure after which the target is tried again."""

    def ejected_for_s(self, standing: Availability, now: float) -> float:
        """Seconds that this request takes the target for ejected."""
        if not self.enabled or standing.failed_at is None or standing.consecutive_failures < self.failure_threshold:
            return 0.0
        return max(0.0, standing.failed_at + self.recovery_timeout_s - now)

    def available_in_s(self, standing: Availability, now: float) -> float:
        """Seconds until this request may try the target; what the provider told us to wait holds for everybody."""
        return max(self.ejected_for_s(standing, now), standing.cooling_for_s, standing.probe_hold_s)


@dataclass(slots=True)
class _Guard:
    """One target's."""

    breaker: Breaker
    cooldown: Cooldown = field(default_factory=Cooldown)

    def standing(self, now: float) -> Availability:
        breaker = self.breaker
        return Availability(
            breaker.ejected_for_s(now),
            self.cooldown.remaining_s(now),
            breaker.consecutive_failures,
            breaker.failed_at,
            breaker.only_failed,
        )


class Breakers:
    """Answers what keeps traffic from a target, and gives leave for attempts."""

    def __init__(self, random: Random) -> None:
        self._guards = TargetMap(lambda: _Guard(Breaker(random)))
        self.probe_failures: dict[str, ProbeFailure] = {}
        """What probes found, by place (`openai@us-east-1`); empty while all is well. Written by `probed` alone."""

    def availability(self, target: str, now: float) -> Availability:
        """What keeps traffic from a target now."""
        guard = self._guards.get(target)
        standing = UNTRIED if guard is None else guard.standing(now)
        return self._troubled(target, standing, now) if self.probe_failures else standing

    def available_in_s(self, target: str, now: float) -> float:
        """Seconds until a target may be tried at its normal place."""
        guard = self._guards.get(target)
        return max(guard.breaker.ejected_for_s(now), guard.cooldown.remaining_s(now)) if guard else 0.0

    def admit(self, target: str, now: float) -> AttemptPermit | None:
        """Leave for one attempt; None while the target is ejected, and while another attempt probes it."""
        guard = self._guards.get_or_create(target)
        permit = guard.breaker.admit(now)
        return AttemptPermit(guard, permit) if permit else None

    def force_admit(self, target: str) -> AttemptPermit:
        """Leave for one attempt at the best of the bad, or by a request with an Override; it cannot end an ejection."""
        guard = self._guards.get_or_create(target)
        return AttemptPermit(guard, BreakerPermit())

    def record_probe(self, place: str, trouble: ProbeFailure | None, now: float) -> None:
        """What a probe found; where one was in vain and the next is not, the ejected may be tried at once."""
        if trouble is not None:
            self.probe_failures[place] = trouble
            return
        reopens = self.probe_failures.pop(place, None) is not None
        for breaker in self._breakers(place):
            if reopens:
                breaker.end_ejection(now)
            breaker.record_probe_success(now)

    def _breakers(self, place: str) -> Iterator[Breaker]:
        beginning = f"{place}/"
        for target in self._guards:
            if target.startswith(beginning) and (guard := self._guards.get(target)):
                yield guard.breaker

    def forget_probes(self, places: frozenset[str]) -> None:
        """Nobody probes these any more: nothing is held against them."""
        for place in places:
            self.probe_failures.pop(place, None)

    def _troubled(self, target: str, standing: Availability, now: float) -> Availability:
        trouble = self.probe_failures.get(target.partition("/")[0])
        return (
            replace(standing, probe_failure=trouble, probe_hold_s=max(0.0, trouble.hold_until - now))
            if trouble
            else standing
        )

    def pin(self, targets: frozenset[str]) -> None:
        """Keep these for good; to be called with the table's targets at each reload."""
        self._guards.pin(targets)


class AttemptPermit(Struct, eq=False):
    """Leave for one attempt; say of it what became of the attempt: a success, then how the rest of the answer went."""

    _guard: _Guard
    _permit: BreakerPermit
    _over: bool = False

    def record_content(self, now: float) -> None:
        """The first content is in hand."""
        if not self._over and not self._permit.has_content:
            self._guard.breaker.record_content(self._permit, now)
            self._guard.cooldown.record_success()

    def record_failure(self, verdict: Classification, now: float, settings: BreakerSettings) -> None:
        """It failed, before or after its first content."""
        if self._ends():
            self._guard.breaker.record_failure(self._permit, verdict, now, settings)
            self._guard.cooldown.record_failure(verdict, now)

    def record_finish(self, now: float) -> None:
        """The answer came to its proper end."""
        self.record_content(now)
        if self._ends():
            self._guard.breaker.record_finish()

    def release(self) -> None:
        """It ended without saying anything of the target: the caller left, or another was faster."""
        if self._ends():
            self._guard.breaker.release(self._permit)

    def _ends(self) -> bool:
        over, self._over = self._over, True
        return not over
