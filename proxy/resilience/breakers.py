"""Circuit breaker, cooldown, silence and probe results of every target, by id. They survive reloads of the same account."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from random import Random

from msgspec import Struct

from proxy.resilience.availability import UNTRIED, Availability, ProbeFailure
from proxy.resilience.breaker import Breaker, BreakerPermit, BreakerSettings
from proxy.resilience.classification import Classification
from proxy.resilience.cooldown import Cooldown
from proxy.resilience.key_pools import KeyPools
from proxy.resilience.silence import Silence
from proxy.telemetry.target_map import TargetMap


@dataclass(frozen=True, slots=True)
class BreakerOverride:
    """`circuit_breaker` of X-Failover-Config: for that request alone it replaces the shared breaker."""

    enabled: bool = True
    failure_threshold: int = 5
    """Consecutive failures from which on the target counts as ejected."""
    recovery_timeout_s: float = 300.0
    """How long it counts as ejected after its latest failure."""

    def ejected_for_s(self, availability: Availability, now: float) -> float:
        """Seconds for which the target counts as ejected."""
        is_closed = not self.enabled or availability.consecutive_failures < self.failure_threshold
        if is_closed or availability.failed_at is None:
            return 0.0
        return max(0.0, availability.failed_at + self.recovery_timeout_s - now)

    def available_in_s(self, availability: Availability, now: float) -> float:
        """Seconds until the target is available. Cooldowns, failed probes and silence apply to all requests."""
        return max(self.ejected_for_s(availability, now), availability.withheld_for_s)


@dataclass(slots=True)
class _TargetState:
    breaker: Breaker
    cooldown: Cooldown = field(default_factory=Cooldown)
    silence: Silence = field(default_factory=Silence)

    def availability(self, now: float) -> Availability:
        return Availability(
            ejected_for_s=self.breaker.ejected_for_s(now),
            cooling_for_s=self.cooldown.remaining_s(now),
            consecutive_failures=self.breaker.consecutive_failures,
            failed_at=self.breaker.failed_at,
            only_failed=self.breaker.only_failed,
            is_suspect=self.silence.is_suspect,
        )


class Breakers:
    """Admits attempts at targets, and reports what keeps traffic from them."""

    def __init__(self, random: Random, key_pools: KeyPools | None = None) -> None:
        self._key_pools = key_pools or KeyPools()
        self._targets = TargetMap(lambda: _TargetState(Breaker(random)))
        self.probe_failures: dict[str, ProbeFailure] = {}
        """By provider and region (`openai@us-east-1`), where the latest probe failed. Only `record_probe` adds here."""

    def availability(self, target: str, now: float) -> Availability:
        """Return what keeps traffic from a target at that time."""
        state = self._targets.get(target)
        availability = UNTRIED if state is None else state.availability(now)
        if (cooling_s := self._keys_cooling_for_s(target, now)) > availability.cooling_for_s:
            availability = replace(availability, cooling_for_s=cooling_s)
        failure = self.probe_failures.get(target.partition("/")[0]) if self.probe_failures else None
        if failure is None:
            return availability
        return replace(availability, probe_failure=failure, probe_hold_s=max(0.0, failure.hold_until - now))

    def available_in_s(self, target: str, now: float) -> float:
        """Seconds until a target is neither ejected nor cooling down."""
        state = self._targets.get(target)
        own_s = max(state.breaker.ejected_for_s(now), state.cooldown.remaining_s(now)) if state else 0.0
        return max(own_s, self._keys_cooling_for_s(target, now))

    def admit(self, target: str, now: float) -> AttemptPermit | None:
        """Admit one attempt. Returns None if the breaker is open, or half-open with a trial attempt in flight."""
        state = self._targets.get_or_create(target)
        permit = state.breaker.admit(now)
        return AttemptPermit(state, permit) if permit else None

    def admits(self, target: str, now: float) -> bool:
        """Return whether `admit` would admit an attempt."""
        state = self._targets.get(target)
        return state is None or state.breaker.admits(now)

    def force_admit(self, target: str) -> AttemptPermit:
        """Admit one attempt whatever the breaker's state: every target is unavailable, or the request overrides it.

        Its success does not close an open breaker.
        """
        return AttemptPermit(self._targets.get_or_create(target), BreakerPermit())

    def permit_outdated(self) -> AttemptPermit:
        """Return the permit of an attempt at an account that was replaced. No state depends on how it ends."""
        return AttemptPermit(self._targets.create(), BreakerPermit())

    def forget(self, is_outdated: Callable[[str], bool]) -> None:
        """Start the targets for which `is_outdated` holds as untried ones."""
        self._targets.take(is_outdated)

    def record_probe(self, provider_region: str, failure: ProbeFailure | None, now: float) -> None:
        """Record a probe's result. The first success after a failure lets ejected targets be tried at once."""
        if failure is not None:
            self.probe_failures[provider_region] = failure
            return
        has_recovered = self.probe_failures.pop(provider_region, None) is not None
        for breaker in self._breakers_of(provider_region):
            if has_recovered:
                breaker.end_ejection(now)
            breaker.record_probe_success(now)

    def forget_probes(self, provider_regions: Iterable[str]) -> None:
        """Drop the probe failures of regions that are no longer probed."""
        for provider_region in provider_regions:
            self.probe_failures.pop(provider_region, None)

    def pin(self, targets: frozenset[str]) -> None:
        """Keep the state of these targets however many others are used. Call it with the file's targets at a reload."""
        self._targets.pin(targets)

    def _keys_cooling_for_s(self, target: str, now: float) -> float:
        """Seconds until any key of a pool may be used."""
        pools = self._key_pools
        return pools.provider_cooling_for_s(target.partition("@")[0], now) if pools.pools else 0.0

    def _breakers_of(self, provider_region: str) -> Iterator[Breaker]:
        prefix = f"{provider_region}/"
        for target in self._targets:
            if target.startswith(prefix) and (state := self._targets.get(target)):
                yield state.breaker


class AttemptPermit(Struct, eq=False):
    """Permission for one attempt. Record its first content and its end here. Only the first end counts."""

    _state: _TargetState
    _permit: BreakerPermit
    _has_ended: bool = False

    def record_content(self, now: float) -> None:
        """Record that the first content has arrived."""
        if not self._has_ended and not self._permit.has_content:
            self._state.breaker.record_content(self._permit, now)
            self._state.cooldown.record_success()

    def record_failure(self, classification: Classification, now: float, settings: BreakerSettings) -> None:
        """Record a failure, before or after the first content."""
        if self._end():
            self._state.breaker.record_failure(self._permit, classification, now, settings)
            self._state.cooldown.record_failure(classification, now)

    def record_finish(self, now: float) -> None:
        """Record the complete end of the response."""
        if not self._permit.has_content:
            self.record_content(now)
        if self._end():
            self._state.breaker.record_finish()

    def release(self) -> None:
        """Record an end that is no evidence about the target: the client disconnected, or another attempt won."""
        if self._end():
            self._state.breaker.release(self._permit)

    @property
    def silence(self) -> Silence:
        """The silence of the attempt's target."""
        return self._state.silence

    def _end(self) -> bool:
        """End the permit. Returns False if it has ended before."""
        had_ended, self._has_ended = self._has_ended, True
        return not had_ended
