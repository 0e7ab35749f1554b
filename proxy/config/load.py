"""Builds the Snapshot of a parsed routing.yaml. Errors are added to the document with their place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import yaml

from proxy.config import schema
from proxy.config.document import is_key_name
from proxy.config.model_checks import valid_deployments
from proxy.config.regions import REGIONS
from proxy.config.secrets import Secrets
from proxy.config.snapshot import (
    NO_OPTIONS,
    KnownNames,
    ModelOptions,
    ModelPattern,
    PipelineEntry,
    Provider,
    Snapshot,
    Target,
    bind_model,
)
from proxy.config.targets import TargetFactory, total_weight, valid_items
from proxy.config.typed_loader import INVALID, Location, TypedLoader, mapping_items
from proxy.config.units import Secret

_RESERVED = ", ".join(schema.RESERVED)


def load(loader: TypedLoader) -> tuple[Snapshot, tuple[PipelineEntry, ...] | None]:
    """Return the snapshot and the entries of the pipeline, whose options the pipeline loads. None: the default ones.

    Errors are in the document's `problems`. What is valid is returned all the same, so that the rest can be checked.
    """
    root = Location(loader.document.root, "")
    file = loader.load(root, schema.RoutingFile)
    if file is INVALID:
        file = loader.load(root, schema.PartialFile)
    return _snapshot(loader, file), None if file.pipeline is None else _pipeline_entries(loader, file.pipeline)


def dialects(loader: TypedLoader) -> Iterator[tuple[str, str]]:
    """Yield path and value of every provider's dialect, those of providers with other mistakes included.

    Call it after `load`, which reports what is not text.
    """
    root = Location(loader.document.root, "")
    providers = (provider for section in _members(root, "providers") for provider in _members(section))
    for location in (dialect for provider in providers for dialect in _members(provider, "dialect")):
        value = loader.load(location, str)
        if value is not INVALID:
            yield location.path, value


def _members(location: Location, only: str | None = None) -> Iterator[Location]:
    """Yield the location of each value of a mapping whose key is text, or of one key alone."""
    if isinstance(location.node, yaml.MappingNode):
        for key, value in location.node.value:
            if isinstance(key, yaml.ScalarNode) and only in (None, key.value):
                yield location.child(key.value, value)


def _snapshot(loader: TypedLoader, file: schema.RoutingFile) -> Snapshot:
    _check_names(loader, file)
    sections = valid_items(file.providers)
    total = total_weight(sections)
    named = [_provider(name, section, section.weight / total) for name, section in sections.items()]
    providers = _with_redactors(loader, file, named)
    factory = TargetFactory(providers, sections, total)
    tables = {name: factory.of_model(served) for name, served in valid_deployments(loader, file).items()}
    by_provider = {name: factory.of_provider(name) for name in providers}
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
        known_names=_known_names(file.providers, (target for targets in by_provider.values() for target in targets)),
        model_options=_model_options(file),
    )


def _model_options(file: schema.RoutingFile) -> dict[str, ModelOptions]:
    rows = {name: ModelOptions(row.policy, row.failover) for name, row in valid_items(file.models).items()}
    return {name: options for name, options in rows.items() if options != NO_OPTIONS}


def _with_redactors(loader: TypedLoader, file: schema.RoutingFile, providers: list[Provider]) -> dict[str, Provider]:
    """Return the providers by name, each with the redactor of its responses."""
    secrets = Secrets.collect(_public_names(file), loader.substituted_values, loader.environ)
    return {
        each.name: replace(each, redactor=secrets.redactor(each.name, _all_keys(each), {**each.query, **each.headers}))
        for each in providers
    }


def _public_names(file: schema.RoutingFile) -> frozenset[str]:
    """Return the names that logs and responses show, which are no secrets even where a secret has the same value."""
    served = {item.model if isinstance(item, schema.ModelDeployment) else str(item)
              for row in valid_items(file.models).values() for item in valid_items(row.targets).values()}  # fmt: skip
    regions = {name for section in valid_items(file.providers).values() for name in section.regions}
    return frozenset({*file.providers, *file.models, *served, *regions, *REGIONS, file.defaults.region})


def _all_keys(provider: Provider) -> list[Secret]:
    if provider.pool is not None:
        return [key.secret for key in provider.pool.keys]
    return [provider.key] if provider.key else []


def _provider(name: str, section: schema.ProviderConfig, weight: float) -> Provider:
    return Provider(
        name=name,
        dialect=section.dialect,
        weight=weight,
        key=section.api_key.key,
        pool=section.api_key.pool,
        auth=section.auth,
        path=section.path,
        query=valid_items(section.query),
        headers=valid_items(section.headers),
        limits=section.limits,
        probe=section.probe,
    )


def _known_names(providers: Iterable[str], targets: Iterable[Target]) -> KnownNames:
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
    for name in file.providers.keys() & set(schema.RESERVED):
        message = f"a provider cannot have this name, which means something else in a model; reserved: {_RESERVED}"
        loader.document.add_error(f"providers.{name}", message)
