"""Process-wide state: what outlives requests and reloads. A request reaches it through `Exchange.runtime`."""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random

from structlog.typing import FilteringBoundLogger

from proxy.config.snapshot import Snapshot
from proxy.deadline_timer import DeadlineTimer
from proxy.memory_account import Load
from proxy.messages import Transport
from proxy.resilience.accounts import NO_CHANGES, Accounts, ChangedAccounts
from proxy.resilience.breakers import Breakers
from proxy.resilience.budgets import HedgeBudget, RetryBudget
from proxy.resilience.key_pools import KeyPools
from proxy.resilience.rate_limits import RateLimiter
from proxy.resilience.refusal_memory import RefusalMemory, RefusedMember
from proxy.routing.affinity import Affinity
from proxy.routing.balancing import BalancerState
from proxy.routing.decision_cache import DecisionCache
from proxy.state.responses import KeptResponses
from proxy.telemetry.activity import Activity
from proxy.telemetry.broadcast import Broadcast
from proxy.telemetry.local_failure_log import LocalFailureLog
from proxy.telemetry.metric_labels import configured_targets, group_keys, is_group_of, metric_labels
from proxy.telemetry.observations import Observations
from proxy.telemetry.refusals import Refusals
from proxy.telemetry.request_counters import RequestCounters
from proxy.telemetry.signals import SignalCache


@dataclass(frozen=True, slots=True)
class Runtime:
    """The state of this process."""

    transport: Transport
    log: FilteringBoundLogger
    clock: Callable[[], float]
    """Seconds, never backwards."""
    wall: Callable[[], float]
    """Seconds since 1970."""
    timer: DeadlineTimer = field(default_factory=DeadlineTimer)
    accounts: Accounts = field(default_factory=Accounts)
    observations: Observations = field(default_factory=Observations)
    random: Random = field(default_factory=Random)
    """For jitter only. No decision depends on it."""
    sleep: Callable[[float], Awaitable[None]] = sleep
    """Waits between probes."""
    retry_budget: RetryBudget = field(default_factory=RetryBudget)
    hedge_budget: HedgeBudget = field(default_factory=HedgeBudget)
    rate_limits: RateLimiter = field(default_factory=RateLimiter)
    key_pools: KeyPools = field(default_factory=KeyPools)
    refused_params: RefusalMemory[str] = field(default_factory=RefusalMemory)
    """Parameters that are left out of requests to the targets, or renamed there."""
    refused_members: RefusalMemory[RefusedMember] = field(default_factory=RefusalMemory)
    """Members whose requests go to other targets."""
    round_robin: BalancerState = field(default_factory=BalancerState)
    affinity: Affinity = field(default_factory=Affinity)
    decision_cache: DecisionCache = field(default_factory=DecisionCache)
    load: Load = field(default_factory=Load)
    on_auth_failure: Callable[[], None] = lambda: None
    """Called when a provider refused our key, which may have been changed in its file."""
    counters: RequestCounters = field(default_factory=RequestCounters)
    feed: Broadcast = field(default_factory=Broadcast)
    """Subscribers to the providers' health."""
    activity: Activity = field(init=False)
    breakers: Breakers = field(init=False)
    signals: SignalCache = field(init=False)
    """The signals that decisions read."""
    responses: KeptResponses = field(init=False)
    local_trouble: LocalFailureLog = field(init=False)
    refusals: Refusals = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "responses", KeptResponses(self.load))
        object.__setattr__(self, "local_trouble", LocalFailureLog(self.log, self.clock))
        object.__setattr__(self, "refusals", Refusals(self.log, self.clock, self.counters.refusals))
        object.__setattr__(self, "activity", Activity(self.wall()))
        object.__setattr__(self, "breakers", Breakers(self.random, self.key_pools))
        signals = SignalCache(
            self.observations,
            self.breakers.availability,
            probe_failures=self.breakers.probe_failures,
            key_pools=self.key_pools.pools,
        )
        object.__setattr__(self, "signals", signals)

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Apply a new snapshot: pin the targets it names in every per-target store, and take metric labels from it.

        Targets whose key or address has changed start with a clean record.
        """
        targets = configured_targets(snapshot)
        self.observations.labels = partial(metric_labels, snapshot, targets)
        if (changed := self.accounts.update(snapshot)) != NO_CHANGES:
            self._forget(changed)
        self.key_pools.update(snapshot)
        self.rate_limits.retain(snapshot.limited)
        for each in (self.observations, self.signals.target_histories, self.breakers, *self._refusals):
            each.pin(targets)
        self.signals.group_histories.pin(group_keys(snapshot))

    @property
    def _refusals(self) -> tuple[RefusalMemory[str], RefusalMemory[RefusedMember]]:
        return self.refused_params, self.refused_members

    def _forget(self, changed: ChangedAccounts) -> None:
        """Drop everything that is known of accounts which a snapshot has replaced."""
        self.observations.forget(changed.has_target)
        self.observations.probes.forget(changed.locations)
        self.breakers.forget(changed.has_target)
        self.breakers.forget_probes(changed.locations)
        self.signals.target_histories.forget(changed.has_target)
        self.signals.group_histories.forget(partial(is_group_of, changed.providers, changed.locations))
        self.rate_limits.forget(changed.has_limits_of)
        self.key_pools.forget(changed.providers)
        for refusals in self._refusals:
            refusals.forget(changed.has_target)
        self.observations.urgent_changes.probe_changes += 1  # so that no cached signal outlives them
        self.feed.wakeup.set()
