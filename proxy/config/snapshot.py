"""The immutable content of a routing.yaml, with defaults filled in: providers, models and their targets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

import yaml

from proxy.config.prices import Price, list_price
from proxy.config.regions import CloudRegion
from proxy.config.schema import Admin, Defaults, Drain, Listen, ProbeConfig, ProviderLimits, Timeouts
from proxy.config.units import Secret
from proxy.errors import ModelNotFoundError
from proxy.redaction import Redactor

GLOBAL = "global"
"""The region of a provider without `regions`."""

MODEL_NAME = re.compile(r"(?!.*(?:\.\.|//))[A-Za-z0-9._:/@+-]{1,256}")


@dataclass(frozen=True, slots=True)
class Provider:
    """A vendor account."""

    name: str
    dialect: str
    weight: float
    key: Secret | None = None
    auth: str | None = None
    path: str | None = field(default=None, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    limits: ProviderLimits | None = None
    probe: ProbeConfig | None = None
    """Settings of the active health check, or None for no check."""
    redactor: Redactor = field(default=Redactor(()), compare=False, repr=False)
    """Removes the secrets sent to this provider from its responses."""

    @property
    def disabled_reason(self) -> str | None:
        """Why it is disabled, such as `OPENAI_API_KEY is not set`, or None."""
        return self.key.missing if self.key else None


@dataclass(frozen=True, slots=True)
class Target:
    """One way to serve a model: provider x region x upstream model."""

    id: str
    provider: Provider
    region: str
    residency: str | None
    base_url: str = field(repr=False)
    model: str
    timeouts: Timeouts
    cloud_region: CloudRegion | None = None
    price: Price | None = None
    context_window: int | None = None
    """Maximum tokens of prompt and completion together, if known."""
    unsupported: frozenset[str] = frozenset()
    """Features it does not support: any of `tools`, `images`, `json_schema`."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """Members added to its requests."""


def target_id(provider: str, region: str, model: str) -> str:
    """Return the id, such as `openai@eu-central-1/gpt-4o`, by which state of a target survives a reload."""
    return f"{provider}@{region}/{model}"


@dataclass(frozen=True, slots=True)
class ModelPattern:
    """A model name with `*`, and the targets that serve the names it matches."""

    text: str
    targets: tuple[Target, ...]

    def __post_init__(self) -> None:
        self.matches(self.text)  # compiles the pattern, which `re` caches

    def matches(self, name: str) -> bool:
        """Return whether a model name matches. Only `*` is special."""
        return re.fullmatch(re.escape(self.text).replace(r"\*", ".*"), name) is not None


@dataclass(frozen=True, slots=True)
class PipelineEntry:
    """An entry of `pipeline:`. Its options are loaded by the pipeline, which knows the middleware's type."""

    name: str
    path: str
    node: yaml.Node = field(repr=False)
    options: yaml.Node | None = field(repr=False)


@dataclass(frozen=True, eq=False, slots=True)
class KnownNames:
    """The names that request headers may contain. Compared by identity, so that it is a cheap cache key."""

    providers: frozenset[str]
    regions: frozenset[str]
    zones: frozenset[str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The content of one version of routing.yaml."""

    listen: Listen
    admin: Admin
    defaults: Defaults
    drain: Drain
    providers: Mapping[str, Provider]
    models: Mapping[str, tuple[Target, ...]]
    patterns: tuple[ModelPattern, ...]
    """Longest first."""
    defaults_by_provider: Mapping[str, tuple[Target, ...]]
    """The targets of each provider for models requested as `provider/model`. Their model is `*`."""
    known_names: KnownNames
    """The names that request headers may contain."""
    strict_params: bool = False
    """Whether an unsupported parameter excludes the target. Otherwise the parameter is dropped."""
    default_strategy: str = "automatic"
    """The strategy of requests that name none."""
    max_inflight: int = 1000
    """Maximum requests in flight."""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """Values that no log line may contain."""
    limited_providers: Mapping[str, Provider] = field(init=False)
    """The providers with `limits`."""

    def __post_init__(self) -> None:
        limited = {name: provider for name, provider in self.providers.items() if provider.limits is not None}
        object.__setattr__(self, "limited_providers", limited)

    def targets(self, model: str) -> tuple[Target, ...]:
        """Return the targets of a model: from the table, else the longest matching pattern, else `provider/model`, else ()."""
        if model in self.models:
            return self.models[model]
        if not MODEL_NAME.fullmatch(model):
            return ()
        for pattern in self.patterns:
            if pattern.matches(model):
                return tuple(bind_model(target, model) for target in pattern.targets)
        provider, _, name = model.partition("/")
        return tuple(bind_model(target, name) for target in self.defaults_by_provider.get(provider, ()) if name)

    def similar_names(self, model: str) -> list[str]:
        """Return up to three model names of the table that are similar to `model`, the most similar first."""
        return get_close_matches(model, self.models, n=3, cutoff=0.5)


def bind_model(target: Target, model: str) -> Target:
    """Return the target for a requested model: `*` in its own model name is replaced by the requested name."""
    if "*" not in target.model:
        return target
    upstream_model = target.model.replace("*", model)
    price = target.price or list_price(target.provider.name, target.provider.dialect, upstream_model)
    return replace(
        target,
        model=upstream_model,
        id=target_id(target.provider.name, target.region, upstream_model),
        price=price,
        context_window=target.context_window or (price.context_window if price else None),
    )


def targets_for_model(snapshot: Snapshot, model: str) -> tuple[Target, ...]:
    """Return the targets of a model. Raises ModelNotFoundError with up to three similar names."""
    targets = snapshot.targets(model)
    if not targets:
        similar = snapshot.similar_names(model)
        hint = f"; did you mean {' or '.join(repr(name) for name in similar)}?" if similar else ""
        raise ModelNotFoundError(f"no model '{model[:256]}' in the routing table{hint}", param="model")
    return targets
