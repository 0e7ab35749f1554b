"""Builds the Snapshot of a parsed routing.yaml. Errors are added to the document with their place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import yaml

from proxy.config import schema
from proxy.config.document import is_key_name, suggestion
from proxy.config.prices import Price, list_price
from proxy.config.regions import REGIONS, find_region
from proxy.config.secrets import Secrets
from proxy.config.snapshot import (
    GLOBAL,
    MODEL_NAME,
    KnownNames,
    ModelPattern,
    PipelineEntry,
    Provider,
    Snapshot,
    Target,
    bind_model,
    target_id,
)
from proxy.config.texts import matches
from proxy.config.typed_loader import INVALID, Location, TypedLoader, mapping_items


def load(loader: TypedLoader) -> tuple[Snapshot, tuple[PipelineEntry, ...]]:
    """Return the snapshot and the entries of the pipeline, whose options the pipeline loads.

    Errors are in the document's `problems`. Raises ConfigError if a required section is missing.
    """
    file = loader.load(Location(loader.document.root, ""), schema.RoutingFile)
    if file is INVALID:
        loader.document.raise_if_invalid()
    return _snapshot(loader, file), _pipeline_entries(loader, file.pipeline)


def _snapshot(loader: TypedLoader, file: schema.RoutingFile) -> Snapshot:
    _check_names(loader, file)
    providers = _with_redactors(
        loader,
        file,
        [
            _provider(name, section, _weight_share(section, file))
            for name, section in _valid_items(file.providers).items()
        ],
    )
    tables = {
        name: tuple(
            target
            for provider, served in _valid_items(entries).items()
            if provider in providers
            for target in _targets(providers[provider], file.providers[provider], served)
        )
        for name, entries in _valid_items(file.models).items()
    }
    by_provider = {name: _targets(providers[name], file.providers[name], "*") for name in providers}
    return Snapshot(
        listen=file.listen,
        admin=file.admin,
        defaults=file.defaults,
        drain=file.drain,
        providers=providers,
        models={
            name: tuple(bind_model(target, name) for target in targets)
            for name, targets in tables.items()
            if "*" not in name
        },
        patterns=_patterns(tables),
        defaults_by_provider=by_provider,
        known_names=_known_names(providers, (target for targets in by_provider.values() for target in targets)),
    )


def _with_redactors(loader: TypedLoader, file: schema.RoutingFile, providers: list[Provider]) -> dict[str, Provider]:
    """Return the providers by name, each with the redactor of its responses."""
    secrets = Secrets.collect(_public_names(file), loader.substituted_values, loader.environ)
    return {
        each.name: replace(each, redactor=secrets.redactor(each.name, each.key, {**each.query, **each.headers}))
        for each in providers
    }


def _public_names(file: schema.RoutingFile) -> frozenset[str]:
    """Return the names that logs and responses show, which are no secrets even where a secret has the same value."""
    served = {item.model if isinstance(item, schema.ModelDeployment) else str(item)
              for entries in _valid_items(file.models).values() for item in _valid_items(entries).values()}  # fmt: skip
    regions = {name for section in _valid_items(file.providers).values() for name in section.regions}
    return frozenset({*file.providers, *file.models, *served, *regions, *REGIONS, file.defaults.region})


def _valid_items(table: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if value is not INVALID}


def _weight_share(section: schema.ProviderConfig, file: schema.RoutingFile) -> float:
    total = sum(other.weight for other in _valid_items(file.providers).values())
    return section.weight / total if total else 0.0


def _provider(name: str, section: schema.ProviderConfig, weight: float) -> Provider:
    return Provider(
        name=name,
        dialect=section.dialect,
        weight=weight,
        key=section.api_key,
        auth=section.auth,
        path=section.path,
        query=_valid_items(section.query),
        headers=_valid_items(section.headers),
        limits=section.limits,
        probe=section.probe,
    )


def _targets(
    provider: Provider, section: schema.ProviderConfig, served: str | schema.ModelDeployment
) -> tuple[Target, ...]:
    """Return one target for each region of the provider."""
    served = schema.ModelDeployment(model=served) if isinstance(served, str) else served
    regions = _valid_items(section.regions) or {GLOBAL: schema.RegionConfig()}
    return tuple(
        Target(
            id=target_id(provider.name, name, served.model),
            provider=provider,
            region=name,
            residency=region.residency or (known.zone if (known := find_region(name)) else None),
            base_url=(region.base_url or section.base_url).rstrip("/"),
            model=served.model,
            timeouts=served.timeouts or section.timeouts,
            cloud_region=find_region(name),
            price=_price(provider, served),
            context_window=served.context_window or _listed_context_window(provider, served),
            unsupported=frozenset(served.unsupported),
            body=region.body,
        )
        for name, region in regions.items()
    )


def _price(provider: Provider, served: schema.ModelDeployment) -> Price | None:
    """Return the price in the file, otherwise the list price."""
    if (price := served.price) is not None:
        return Price.from_per_million(price.input, price.output, price.cached_input, price.cache_write)
    return list_price(provider.name, provider.dialect, served.model)


def _listed_context_window(provider: Provider, served: schema.ModelDeployment) -> int | None:
    price = list_price(provider.name, provider.dialect, served.model)
    return price.context_window if price else None


def _known_names(providers: Mapping[str, Provider], targets: Iterable[Target]) -> KnownNames:
    zones = {region.zone for region in REGIONS.values()}
    all_targets = list(targets)
    return KnownNames(
        providers=frozenset(providers),
        regions=frozenset(target.region for target in all_targets),
        zones=frozenset(zones | {target.residency for target in all_targets if target.residency}),
    )


def _patterns(tables: Mapping[str, tuple[Target, ...]]) -> tuple[ModelPattern, ...]:
    patterns = [ModelPattern(name, targets) for name, targets in tables.items() if "*" in name]
    return tuple(sorted(patterns, key=lambda pattern: -len(pattern.text)))


def _pipeline_entries(loader: TypedLoader, nodes: list[yaml.Node]) -> tuple[PipelineEntry, ...]:
    """Return the entries: each is `- name` or `- name: {options}`, a mapping with one key."""
    entries = []
    for index, node in enumerate(nodes):
        path = f"pipeline[{index}]"
        if isinstance(node, yaml.ScalarNode):
            entries.append(PipelineEntry(node.value, path, node, None))
        elif isinstance(node, yaml.MappingNode) and len(node.value) == 1:
            name, key, options = mapping_items(loader, Location(node, path))[0]
            entries.append(PipelineEntry(name, f"{path}.{name}" if is_key_name(name) else path, key, options))
        else:
            loader.reject(Location(node, path), "expected a middleware name or `- name: {option: value}`")
    return tuple(entries)


def _check_names(loader: TypedLoader, file: schema.RoutingFile) -> None:
    _check_pattern(loader, "providers", file.providers, schema.PROVIDER_NAME)
    for name, section in _valid_items(file.providers).items():
        _check_pattern(loader, f"providers.{name}.regions", section.regions, schema.REGION_NAME)
    for model, entries in _valid_items(file.models).items():
        if not MODEL_NAME.fullmatch(model.replace("*", "x")):
            loader.document.add_error(f"models.{model}", f"a model name must match {MODEL_NAME.pattern}")
        for name in entries.keys() - file.providers.keys():
            similar = suggestion(name, list(file.providers))
            loader.document.add_error(f"models.{model}.{name}", f"no provider '{name}'{similar}")


def _check_pattern(loader: TypedLoader, path: str, table: Mapping[str, Any], pattern: str) -> None:
    for name in table:
        if not matches(pattern, name):
            loader.document.add_error(f"{path}.{name}", f"a name must match {pattern}")
