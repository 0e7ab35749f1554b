"""What resilience knows of this process: which targets may be tried, how often, and with what."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from proxy.config.snapshot import Snapshot
from proxy.resilience.accounts import NO_CHANGES, Accounts, ChangedAccounts
from proxy.resilience.breakers import Breakers
from proxy.resilience.budgets import HedgeBudget, RetryBudget
from proxy.resilience.key_pools import KeyPools
from proxy.resilience.rate_limits import RateLimiter
from proxy.resilience.refusal_memory import RefusalMemory, RefusedMember


@dataclass(frozen=True, slots=True)
class Resilience:
    """Breakers, budgets, limits and key pools, and what targets have refused."""

    random: Random = field(default_factory=Random)
    """For jitter only. No decision depends on it."""
    accounts: Accounts = field(default_factory=Accounts)
    retry_budget: RetryBudget = field(default_factory=RetryBudget)
    hedge_budget: HedgeBudget = field(default_factory=HedgeBudget)
    rate_limits: RateLimiter = field(default_factory=RateLimiter)
    key_pools: KeyPools = field(default_factory=KeyPools)
    refused_params: RefusalMemory[str] = field(default_factory=RefusalMemory)
    """Parameters that are left out of requests to the targets, or renamed there."""
    refused_members: RefusalMemory[RefusedMember] = field(default_factory=RefusalMemory)
    """Members whose requests go to other targets."""
    breakers: Breakers = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "breakers", Breakers(self.random, self.key_pools))

    def update(self, snapshot: Snapshot, targets: frozenset[str]) -> ChangedAccounts:
        """Apply a new snapshot that names these targets. Return the accounts it has replaced, which are forgotten."""
        changed = self.accounts.update(snapshot)
        if changed != NO_CHANGES:
            self._forget(changed)
        self.key_pools.update(snapshot)
        self.rate_limits.retain(snapshot.limited)
        for each in (self.breakers, *self._refusals):
            each.pin(targets)
        return changed

    @property
    def _refusals(self) -> tuple[RefusalMemory[str], RefusalMemory[RefusedMember]]:
        return self.refused_params, self.refused_members

    def _forget(self, changed: ChangedAccounts) -> None:
        self.breakers.forget(changed.has_target)
        self.breakers.forget_probes(changed.locations)
        self.rate_limits.forget(changed.has_limits_of)
        self.key_pools.forget(changed.providers)
        for refusals in self._refusals:
            refusals.forget(changed.has_target)
