"""Which account each region of a provider has: its address and credentials, as fingerprints.

What is known of a target (breaker, cooldown, health, rate limits) is known of its account. After a reload that changes a
key or an address, the target starts with a clean record.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from proxy.config.snapshot import Snapshot, Target


@dataclass(frozen=True, slots=True)
class ChangedAccounts:
    """What a new snapshot has changed."""

    locations: frozenset[str] = frozenset()
    """`provider@region`, with another address or credential than before."""
    providers: frozenset[str] = frozenset()
    """Providers of which every region has changed."""

    def has_target(self, target: str) -> bool:
        """Return whether the target with this id has another account than before."""
        return target.partition("/")[0] in self.locations

    def has_limits_of(self, holder: str) -> bool:
        """Return whether the provider or target that limits are configured for has another account than before."""
        return holder in self.providers or self.has_target(holder)


NO_CHANGES = ChangedAccounts()


@dataclass(slots=True)
class Accounts:
    """The account of each location, as the newest snapshot has it."""

    snapshot: Snapshot | None = None
    """The newest snapshot: its targets have the current accounts."""
    _fingerprints: dict[str, bytes] = field(default_factory=dict, repr=False)
    """By location. Those of removed ones are kept, as they may come back with another key."""
    _replaced: set[bytes] = field(default_factory=set, repr=False)
    """The fingerprints of replaced accounts: one for each change of the file."""
    _secret: bytes = field(default_factory=lambda: os.urandom(32), repr=False)
    """So that a fingerprint cannot be compared with that of a guessed key."""

    def update(self, snapshot: Snapshot) -> ChangedAccounts:
        """Apply a new snapshot, and return what it has changed."""
        self.snapshot = snapshot
        by_provider = {
            name: {_location(target): self._fingerprint(target) for target in targets}
            for name, targets in snapshot.defaults_by_provider.items()
        }
        changed = {name: self._changed(new) for name, new in by_provider.items()}
        self._replaced |= {self._fingerprints[location] for locations in changed.values() for location in locations}
        for new in by_provider.values():
            self._fingerprints |= new
            self._replaced -= set(new.values())
        whole = {name for name, locations in changed.items() if locations and len(locations) == len(by_provider[name])}
        return ChangedAccounts(frozenset().union(*changed.values()), frozenset(whole))

    def is_outdated(self, target: Target) -> bool:
        """Return whether a target of an older snapshot has an account that was replaced since."""
        return bool(self._replaced) and self._fingerprint(target) in self._replaced

    def _changed(self, new: Mapping[str, bytes]) -> set[str]:
        known = self._fingerprints
        return {location for location, account in new.items() if known.get(location, account) != account}

    def _fingerprint(self, target: Target) -> bytes:
        provider = target.provider
        # The keys of a pool have records of their own (`KeyPools`), so that changing one says nothing of the others.
        key = None if provider.pool else provider.key and provider.key.value
        sent = (provider.auth, provider.path, sorted(provider.query.items()), sorted(provider.headers.items()))
        return blake2b(
            repr((_location(target), target.base_url, key, sent)).encode("utf-8", "surrogatepass"), key=self._secret
        ).digest()


def _location(target: Target) -> str:
    return f"{target.provider.name}@{target.region}"
