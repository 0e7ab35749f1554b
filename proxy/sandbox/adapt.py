"""A routing table whose providers are simulated: the same names, weights and regions, other addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from proxy.config.snapshot import ModelPattern, Provider, Snapshot, Target
from proxy.config.units import Secret


def adapt_snapshot(snapshot: Snapshot, urls: Mapping[str, str]) -> Snapshot:
    """The snapshot with each provider at its simulator's base URL, and a key that simulators take."""
    providers = {name: _simulated(provider) for name, provider in snapshot.providers.items()}

    def moved(targets: tuple[Target, ...]) -> tuple[Target, ...]:
        return tuple(
            replace(target, provider=providers[target.provider.name], base_url=urls[target.provider.name])
            for target in targets
        )

    return replace(
        snapshot,
        providers=providers,
        models={name: moved(targets) for name, targets in snapshot.models.items()},
        patterns=tuple(ModelPattern(each.text, moved(each.targets)) for each in snapshot.patterns),
        defaults_by_provider={name: moved(targets) for name, targets in snapshot.defaults_by_provider.items()},
    )


def _simulated(provider: Provider) -> Provider:
    return replace(provider, key=Secret("sandbox"), path=None, query={}, headers={})
