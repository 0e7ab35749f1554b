"""Every target's breaker and cooldown, kept by its id, and the same seen as one request asks to see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

from msgspec import Struct

from proxy.resilience.breaker import Breaker, CircuitBreaker, Permit
from proxy.resilience.cooldown import Cooldown
from proxy.resilience.verdict import Verdict
from proxy.telemetry.bounded import Bounded
from proxy.telemetry.health import UNTRIED, Standing, Trouble


@dataclass(frozen=True, slots=True)
class Override:
    """A request's own circuit breaker, which replaces the shared view for that request alone."""

    enabled: bool = True
    failure_threshold: int = 5
    recovery_timeout: float = 300.0
    """Seconds since the last failure after which the target is tried again."""

    def ejected_for(self, standing: Standing, now: float) -> float:
        """Seconds that this request takes the target for ejected."""
        if not self.enabled or standing.failed_at is None or standing.failures < self.failure_threshold:
            return 0.0
        return max(0.0, standing.failed_at + self.recovery_timeout - now)

    def available_in(self, standing: Standing, now: float) -> float:
        """Seconds until this request may try the target; what the provider told us to wait holds for everybody."""
        return max(self.ejected_for(standing, now), standing.cooling_for, standing.out_for)


@dataclass(slots=True)
class _Guard:
    """One target's."""

    breaker: Breaker
    cooldown: Cooldown = field(default_factory=Cooldown)

    def standing(self, now: float) -> Standing:
        breaker = self.breaker
        return Standing(
            breaker.ejected_for(now), self.cooldown.left(now), breaker.failures, breaker.failed_at, breaker.only_failed
        )


class Breakers:
    """Answers what keeps traffic from a target, and gives leave for attempts."""

    def __init__(self, random: Random) -> None:
        self._guards = Bounded(lambda: _Guard(Breaker(random)))
        self.troubles: dict[str, Trouble] = {}
        """What probes found, by place (`openai@us-east-1`); empty while all is well. Written by `probed` alone."""

    def standing(self, target: str, now: float) -> Standing:
        """What keeps traffic from a target now."""
        guard = self._guards.get(target)
        standing = UNTRIED if guard is None else guard.standing(now)
        return self._troubled(target, standing, now) if self.troubles else standing

    def available_in(self, target: str, now: float) -> float:
        """Seconds until a target may be tried at its normal place."""
        guard = self._guards.get(target)
        return max(guard.breaker.ejected_for(now), guard.cooldown.left(now)) if guard else 0.0

    def admit(self, target: str, now: float) -> Leave | None:
        """Leave for one attempt; None while the target is ejected, and while another attempt probes it."""
        guard = self._guards.use(target)
        permit = guard.breaker.admit(now)
        return Leave(guard, permit) if permit else None

    def insist(self, target: str) -> Leave:
        """Leave for one attempt at the best of the bad, or by a request with an Override; it cannot end an ejection."""
        guard = self._guards.use(target)
        return Leave(guard, Permit())

    def probed(self, place: str, trouble: Trouble | None, now: float) -> None:
        """What a probe found; where one was in vain and the next is not, the ejected may be tried at once."""
        if trouble is not None:
            self.troubles[place] = trouble
            return
        reopens = self.troubles.pop(place, None) is not None
        for breaker in self._breakers(place):
            if reopens:
                breaker.reopened(now)
            breaker.probed(now)

    def _breakers(self, place: str) -> Iterator[Breaker]:
        beginning = f"{place}/"
        for target in self._guards:
            if target.startswith(beginning) and (guard := self._guards.get(target)):
                yield guard.breaker

    def unprobed(self, places: frozenset[str]) -> None:
        """Nobody probes these any more: nothing is held against them."""
        for place in places:
            self.troubles.pop(place, None)

    def _troubled(self, target: str, standing: Standing, now: float) -> Standing:
        trouble = self.troubles.get(target.partition("/")[0])
        return replace(standing, trouble=trouble, out_for=max(0.0, trouble.until - now)) if trouble else standing

    def name(self, targets: frozenset[str]) -> None:
        """Keep these for good; to be called with the table's targets at each reload."""
        self._guards.name(targets)


class Leave(Struct, eq=False):
    """Leave for one attempt; say of it what became of the attempt: a success, then how the rest of the answer went."""

    _guard: _Guard
    _permit: Permit
    _over: bool = False

    def succeeded(self, now: float) -> None:
        """The first content is in hand."""
        if not self._over and not self._permit.content:
            self._guard.breaker.succeeded(self._permit, now)
            self._guard.cooldown.succeeded()

    def failed(self, verdict: Verdict, now: float, settings: CircuitBreaker) -> None:
        """It failed, before or after its first content."""
        if self._ends():
            self._guard.breaker.failed(self._permit, verdict, now, settings)
            self._guard.cooldown.failed(verdict, now)

    def finished(self, now: float) -> None:
        """The answer came to its proper end."""
        self.succeeded(now)
        if self._ends():
            self._guard.breaker.finished()

    def released(self) -> None:
        """It ended without saying anything of the target: the caller left, or another was faster."""
        if self._ends():
            self._guard.breaker.released(self._permit)

    def _ends(self) -> bool:
        over, self._over = self._over, True
        return not over
