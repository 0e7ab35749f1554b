"""routing.yaml's text becomes a Snapshot; whatever is wrong with it is noted in the document, with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import yaml

from proxy.config import schema
from proxy.config.document import is_name, suggestion
from proxy.config.prices import Price, listed
from proxy.config.reading import WRONG, Place, Reader, pairs
from proxy.config.regions import REGIONS, find
from proxy.config.secrets import Secrets
from proxy.config.snapshot import (
    GLOBAL,
    MODEL_NAME,
    Entry,
    Known,
    Pattern,
    Provider,
    Snapshot,
    Target,
    named,
    target_id,
)


def load(reader: Reader) -> tuple[Snapshot, tuple[Entry, ...]]:
    """The snapshot, and the pipeline's entries for whoever knows the middlewares; ConfigError if neither can be had."""
    file = reader.read(Place(reader.document.root, ""), schema.File)
    if file is WRONG:
        reader.document.check()
    return _snapshot(reader, file), _entries(reader, file.pipeline)


def _snapshot(reader: Reader, file: schema.File) -> Snapshot:
    _check_names(reader, file)
    providers = _with_redactors(
        reader,
        file,
        [_provider(name, section, _share(section, file)) for name, section in _sound(file.providers).items()],
    )
    tables = {
        name: tuple(
            target
            for provider, served in _sound(entries).items()
            if provider in providers
            for target in _targets(providers[provider], file.providers[provider], served)
        )
        for name, entries in _sound(file.models).items()
    }
    by_provider = {name: _targets(providers[name], file.providers[name], "*") for name in providers}
    return Snapshot(
        listen=file.listen,
        admin=file.admin,
        defaults=file.defaults,
        drain=file.drain,
        providers=providers,
        models={
            name: tuple(named(target, name) for target in targets)
            for name, targets in tables.items()
            if "*" not in name
        },
        patterns=_patterns(tables),
        defaults_by_provider=by_provider,
        known=_known(providers, (target for targets in by_provider.values() for target in targets)),
    )


def _with_redactors(reader: Reader, file: schema.File, providers: list[Provider]) -> dict[str, Provider]:
    """The providers by name, each with what redacts its responses."""
    secrets = Secrets.of(_names(file), reader.substituted, reader.environ)
    return {
        each.name: replace(each, redactor=secrets.redactor(each.name, each.key, {**each.query, **each.headers}))
        for each in providers
    }


def _names(file: schema.File) -> frozenset[str]:
    """The names that outputs are full of, wherever else they stand in the file."""
    served = {item.model if isinstance(item, schema.Served) else str(item)
              for entries in _sound(file.models).values() for item in _sound(entries).values()}  # fmt: skip
    regions = {name for section in _sound(file.providers).values() for name in section.regions}
    return frozenset({*file.providers, *file.models, *served, *regions, *REGIONS, file.defaults.region})


def _sound(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if value is not WRONG}


def _share(section: schema.Provider, file: schema.File) -> float:
    total = sum(other.weight for other in _sound(file.providers).values())
    return section.weight / total if total else 0.0


def _provider(name: str, section: schema.Provider, weight: float) -> Provider:
    return Provider(
        name=name,
        dialect=section.dialect,
        weight=weight,
        key=section.api_key,
        auth=section.auth,
        path=section.path,
        query=_sound(section.query),
        headers=_sound(section.headers),
        limits=section.limits,
        probe=section.probe,
    )


def _targets(provider: Provider, section: schema.Provider, served: str | schema.Served) -> tuple[Target, ...]:
    """One target for each region of the provider."""
    served = schema.Served(model=served) if isinstance(served, str) else served
    regions = _sound(section.regions) or {GLOBAL: schema.Region()}
    return tuple(
        Target(
            id=target_id(provider.name, name, served.model),
            provider=provider,
            region=name,
            residency=region.residency or (place.zone if (place := find(name)) else None),
            base_url=(region.base_url or section.base_url).rstrip("/"),
            model=served.model,
            timeouts=served.timeouts or section.timeouts,
            place=find(name),
            price=_price(provider, served),
            context=served.context or _context(provider, served),
            lacks=frozenset(served.lacks),
            body=region.body,
        )
        for name, region in regions.items()
    )


def _price(provider: Provider, served: schema.Served) -> Price | None:
    """The file's own, else the list price."""
    if (own := served.price) is not None:
        return Price.per_million(own.input, own.output, own.cached_input, own.cache_write)
    return listed(provider.name, provider.dialect, served.model)


def _context(provider: Provider, served: schema.Served) -> int | None:
    price = listed(provider.name, provider.dialect, served.model)
    return price.context_window if price else None


def _known(providers: Mapping[str, Provider], targets: Iterable[Target]) -> Known:
    zones = {region.zone for region in REGIONS.values()}
    every = list(targets)
    return Known(
        providers=frozenset(providers),
        regions=frozenset(target.region for target in every),
        zones=frozenset(zones | {target.residency for target in every if target.residency}),
    )


def _patterns(tables: Mapping[str, tuple[Target, ...]]) -> tuple[Pattern, ...]:
    patterns = [Pattern(name, targets) for name, targets in tables.items() if "*" in name]
    return tuple(sorted(patterns, key=lambda pattern: -len(pattern.text)))


def _entries(reader: Reader, nodes: list[yaml.Node]) -> tuple[Entry, ...]:
    """`- name` or `- name: {options}`, one mapping with one key."""
    entries = []
    for index, node in enumerate(nodes):
        path = f"pipeline[{index}]"
        if isinstance(node, yaml.ScalarNode):
            entries.append(Entry(node.value, path, node, None))
        elif isinstance(node, yaml.MappingNode) and len(node.value) == 1:
            name, key, options = pairs(reader, Place(node, path))[0]
            entries.append(Entry(name, f"{path}.{name}" if is_name(name) else path, key, options))
        else:
            reader.wrong(
                Place(node, path), "expected a middleware's name, or one with options: `- name: {option: value}`"
            )
    return tuple(entries)


def _check_names(reader: Reader, file: schema.File) -> None:
    _check(reader, "providers", file.providers, schema.PROVIDER_NAME)
    for name, section in _sound(file.providers).items():
        _check(reader, f"providers.{name}.regions", section.regions, schema.REGION_NAME)
    for model, entries in _sound(file.models).items():
        if not MODEL_NAME.fullmatch(model.replace("*", "x")):
            reader.document.complain(f"models.{model}", f"a model's name must match {MODEL_NAME.pattern}")
        for name in entries.keys() - file.providers.keys():
            near = suggestion(name, list(file.providers))
            reader.document.complain(f"models.{model}.{name}", f"no provider '{name}'{near}")


def _check(reader: Reader, path: str, table: Mapping[str, Any], pattern: str) -> None:
    for name in table:
        if not re.search(pattern, name):
            reader.document.complain(f"{path}.{name}", f"a name must match {pattern}")
