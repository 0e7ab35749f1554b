"""Builds the targets of a model: one for each deployment and region of its provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.config import schema
from proxy.config.prices import Price, list_price
from proxy.config.regions import find_region
from proxy.config.snapshot import GLOBAL, LimitGroup, Provider, Target, target_id
from proxy.config.typed_loader import INVALID


@dataclass(frozen=True, slots=True)
class TargetFactory:
    """Builds targets from the providers of one file."""

    providers: Mapping[str, Provider]
    sections: Mapping[str, schema.ProviderConfig]
    total_weight: float

    def of_model(self, deployments: Mapping[str, schema.ModelDeployment]) -> tuple[Target, ...]:
        """Return the targets of a model, given its deployments by label. Those of unknown providers are left out."""
        return tuple(
            target
            for label, deployment in deployments.items()
            if (deployment.provider or label) in self.providers
            for target in self._of_deployment(label, deployment)
        )

    def of_provider(self, name: str) -> tuple[Target, ...]:
        """Return the targets of a provider for models requested as `provider/model`."""
        return self._of_deployment(name, schema.ModelDeployment(model="*"))

    def _of_deployment(self, label: str, served: schema.ModelDeployment) -> tuple[Target, ...]:
        name = served.provider or label
        section = self.sections[name]
        regions = valid_items(section.regions) or {GLOBAL: schema.RegionConfig()}
        return tuple(self._target(label, served, region, regions[region]) for region in regions)

    def _target(
        self, label: str, served: schema.ModelDeployment, region_name: str, region: schema.RegionConfig
    ) -> Target:
        name = served.provider or label
        provider, section = self.providers[name], self.sections[name]
        known_region = find_region(region_name)
        weight = section.weight if served.weight is None else served.weight
        return Target(
            id=target_id(name, region_name, served.model),
            provider=provider,
            region=region_name,
            residency=region.residency or (known_region.zone if known_region else None),
            base_url=(region.base_url or section.base_url).rstrip("/"),
            model=served.model,
            timeouts=served.timeouts or section.timeouts,
            cloud_region=known_region,
            price=_price(provider, served),
            context_window=served.context_window or _listed_context_window(provider, served),
            unsupported=frozenset(served.unsupported),
            body={str(name): value for name, value in region.body.items()},
            priority=served.priority,
            weight=weight / self.total_weight,
            weight_group=name if served.weight is None else f"{name}/{label}",
            configured_weight=weight,
            family=served.family,
            only_after=served.only_after,
            params=served.params,
            limits=_own_limits(target_id(name, region_name, served.model), served),
        )


def total_weight(sections: Mapping[str, schema.ProviderConfig]) -> float:
    """Return the sum of all providers' weights, by which weights are divided, or 1 if all of them are 0."""
    return sum(section.weight for section in sections.values()) or 1.0


def _own_limits(target: str, served: schema.ModelDeployment) -> LimitGroup | None:
    return None if served.limits is None else LimitGroup(target, served.limits)


def _price(provider: Provider, served: schema.ModelDeployment) -> Price | None:
    """Return the price in the file, otherwise the list price."""
    if (price := served.price) is not None:
        return Price.from_per_million(price.input, price.output, price.cached_input, price.cache_write)
    return _list_price(provider, served)


def _listed_context_window(provider: Provider, served: schema.ModelDeployment) -> int | None:
    price = _list_price(provider, served)
    return price.context_window if price else None


def _list_price(provider: Provider, served: schema.ModelDeployment) -> Price | None:
    return list_price(provider.name, provider.dialect, served.family or served.model)


def valid_items(table: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a loaded mapping without the items that could not be loaded."""
    return {name: value for name, value in table.items() if value is not INVALID}
