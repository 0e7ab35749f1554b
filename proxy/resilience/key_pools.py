"""Which key of a provider's pool is next, and what keeps traffic from each: cooldowns of keys and of their accounts.

A rate limit counts against the account, a refused or unpaid key against that key. Both live as long as the key is in the
file, whatever else changes there, and a new key has a clean record.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Any

from proxy.config.key_pool import Account, PoolKey
from proxy.config.snapshot import Provider, Snapshot
from proxy.resilience.classification import Classification
from proxy.resilience.cooldown import Cooldown

KEY_FAILURES = frozenset({"rate_limit", "quota", "auth_error"})
"""Classes of failure that count against the key of a pool, and not against the target."""
AVOIDED_S = 60.0
"""After one of these a key is used after the others for that long, even if it does not cool down."""


@dataclass(slots=True)
class _KeyState:
    """What is known of one key, or of one account."""

    cooldown: Cooldown = field(default_factory=Cooldown)
    failed_at: float = -inf
    used: int = 0
    """The number of the latest pick."""


@dataclass(slots=True)
class KeyPools:
    """The state of all keys and accounts. A key without an account is its own."""

    pools: dict[str, tuple[PoolKey, ...]] = field(default_factory=dict)
    """The keys of each provider that has several, by its name. Set by `update` alone."""
    _states: dict[tuple[str, Hashable], _KeyState] = field(default_factory=dict, repr=False)
    """By provider, and key or account."""
    _picks: int = 0

    def update(self, snapshot: Snapshot) -> None:
        """Apply a new snapshot: forget the keys and accounts that it no longer has."""
        self.pools.clear()
        self.pools |= {name: each.pool.keys for name, each in snapshot.providers.items() if each.pool is not None}
        known = {
            (name, each) for name, keys in self.pools.items() for key in keys for each in (key.secret, key.account)
        }
        self._states = {each: state for each, state in self._states.items() if each in known}

    def forget(self, providers: Iterable[str]) -> None:
        """Start the keys of these providers with a clean record, as they are used at other addresses now."""
        names = frozenset(providers)
        self._states = {each: state for each, state in self._states.items() if each[0] not in names}

    def order(self, provider: Provider, now: float) -> list[PoolKey]:
        """Return the keys, best first: available ones, of those the ones without a recent failure, then in turn."""
        keys = provider.pool.keys if provider.pool else ()
        return sorted(keys, key=lambda key: self._rank(provider.name, key, now))

    def mark_used(self, provider: str, key: PoolKey) -> None:
        """Note that an attempt starts with a key: the others come first next time."""
        self._picks += 1
        self._state(provider, key.secret).used = self._picks

    def cooling_for_s(self, provider: str, key: PoolKey, now: float) -> float:
        """Seconds until neither the key nor its account is cooling down."""
        return max(self._cooldown_s(provider, key.secret, now), self._cooldown_s(provider, key.account, now))

    def provider_cooling_for_s(self, provider: str, now: float) -> float:
        """Seconds until any key of a provider is not cooling down, 0 without a pool."""
        return min((self.cooling_for_s(provider, key, now) for key in self.pools.get(provider, ())), default=0.0)

    def record_rate_limit(self, provider: str, key: PoolKey, classification: Classification, now: float) -> None:
        """Record that the account of a key was rate limited."""
        self._state(provider, key.account).cooldown.record_failure(classification, now)
        self._state(provider, key.secret).failed_at = now

    def record_refusal(self, provider: str, key: PoolKey, classification: Classification, now: float) -> None:
        """Record that a key was refused, or has no credit left."""
        state = self._state(provider, key.secret)
        state.cooldown.record_failure(classification, now)
        state.failed_at = now

    def record_success(self, provider: str, key: PoolKey) -> None:
        """Record that an attempt with a key had content."""
        for holder in (key.secret, key.account):
            if (state := self._states.get((provider, holder))) is not None:
                state.cooldown.record_success()

    def hold(self, provider: str, key: PoolKey, seconds: float, now: float) -> None:
        """Let the account of a key rest, because its provider says that nothing is left of a limit."""
        self._state(provider, key.account).cooldown.extend(seconds, now)

    def status(self, provider: Provider, now: float) -> list[dict[str, Any]]:
        """Return name, status and, unless it is available, reason or seconds of each key, as values for JSON."""
        keys = provider.pool.keys if provider.pool else ()
        waits = {key.label: self.cooling_for_s(provider.name, key, now) for key in keys}
        return [
            *({"name": name, "status": "cooling down", "seconds": ceil(s)} if s else {"name": name, "status": "available"}
              for name, s in waits.items()),
            *({"name": name, "status": "missing", "reason": why} for name, why in provider.missing_keys.items()),
        ]  # fmt: skip

    def _rank(self, provider: str, key: PoolKey, now: float) -> tuple[float, float, int]:
        state = self._states.get((provider, key.secret))
        cooling_s = self.cooling_for_s(provider, key, now)
        if state is None:
            return cooling_s, -inf, 0
        return cooling_s, state.failed_at if now - state.failed_at < AVOIDED_S else -inf, state.used

    def _cooldown_s(self, provider: str, holder: Account, now: float) -> float:
        state = self._states.get((provider, holder))
        return state.cooldown.remaining_s(now) if state else 0.0

    def _state(self, provider: str, holder: Hashable) -> _KeyState:
        state = self._states.get((provider, holder))
        if state is None:
            state = self._states[provider, holder] = _KeyState()
        return state
