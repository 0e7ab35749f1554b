"""Redirects a configuration to the sandbox: same models, weights and regions, but the URLs of simulated providers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from proxy.config.key_pool import KeyPool, PoolKey
from proxy.config.snapshot import ModelPattern, Provider, Snapshot, Target
from proxy.config.units import Secret


def adapt_snapshot(snapshot: Snapshot, urls: Mapping[str, str]) -> Snapshot:
    """Return the snapshot with each provider at its simulator's base URL.

    `urls` maps provider names to base URLs. Keys, how they are sent, paths, extra headers and query parameters of the file
    are left out.
    """
    providers = {name: _without_credentials(provider) for name, provider in snapshot.providers.items()}

    def redirect(targets: tuple[Target, ...]) -> tuple[Target, ...]:
        return tuple(
            replace(target, provider=providers[target.provider.name], base_url=urls[target.provider.name])
            for target in targets
        )

    return replace(
        snapshot,
        providers=providers,
        models={name: redirect(targets) for name, targets in snapshot.models.items()},
        patterns=tuple(ModelPattern(each.text, redirect(each.targets)) for each in snapshot.patterns),
        defaults_by_provider={name: redirect(targets) for name, targets in snapshot.defaults_by_provider.items()},
    )


def _without_credentials(provider: Provider) -> Provider:
    key, pool = Secret("sandbox"), _simulated(provider.pool)
    return replace(provider, key=key, pool=pool, auth=None, path=None, query={}, headers={})


def _simulated(pool: KeyPool | None) -> KeyPool | None:
    """Return a pool with other keys and the same labels and accounts."""
    if pool is None:
        return None
    keys = [(key, Secret(f"sandbox-{number}")) for number, key in enumerate(pool.keys, 1)]
    return KeyPool(
        tuple(PoolKey(secret, key.label, secret if key.account == key.secret else key.account) for key, secret in keys)
    )
