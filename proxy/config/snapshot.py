"""What a request is routed by: frozen, complete, and free of anything that was only spelling in the file."""

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
from proxy.redaction import Redactor

GLOBAL = "global"
"""The region of a provider that names none."""

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
    """How it is asked without a request; None: not at all."""
    redactor: Redactor = field(default=Redactor(()), compare=False, repr=False)
    """Replaces in its responses what it is sent in secret."""

    @property
    def disabled_reason(self) -> str | None:
        """Why it is never tried, or None."""
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
    """Tokens that prompt and answer may have together, where known."""
    unsupported: frozenset[str] = frozenset()
    """Of `tools`, `images`, `json_schema`: what it is known not to take."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """Members that its requests carry besides, such as `inference_geo`."""


def target_id(provider: str, region: str, model: str) -> str:
    """The identity by which observations survive a reload, such as `openai@eu-central-1/gpt-4o`."""
    return f"{provider}@{region}/{model}"


@dataclass(frozen=True, slots=True)
class ModelPattern:
    """A name with `*` in it, and who serves what it matches."""

    text: str
    targets: tuple[Target, ...]

    def __post_init__(self) -> None:
        self.matches(self.text)

    def matches(self, name: str) -> bool:
        """Whether `name` is one that this pattern means."""
        return re.fullmatch(re.escape(self.text).replace(r"\*", ".*"), name) is not None


@dataclass(frozen=True, slots=True)
class PipelineEntry:
    """One line of `pipeline:`; its options are read once its middleware is known."""

    name: str
    path: str
    node: yaml.Node
    options: yaml.Node | None


@dataclass(frozen=True, eq=False, slots=True)
class KnownNames:
    """The names that one file gives meaning to; equal only to itself, so that it is cheap to look up by."""

    providers: frozenset[str]
    regions: frozenset[str]
    zones: frozenset[str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One routing.yaml, as it was when it was read."""

    listen: Listen
    admin: Admin
    defaults: Defaults
    drain: Drain
    providers: Mapping[str, Provider]
    models: Mapping[str, tuple[Target, ...]]
    patterns: tuple[ModelPattern, ...]
    """Longest first."""
    defaults_by_provider: Mapping[str, tuple[Target, ...]]
    """Each provider's targets for a model named as `provider/model`; their model is `*`."""
    known_names: KnownNames
    """What headers may name."""
    strict_params: bool = False
    """Whether a target that cannot express a parameter is left out, instead of the parameter."""
    default_strategy: str = "automatic"
    """How targets are ordered where a request does not say."""
    max_inflight: int = 1000
    """Requests that may be in hand at once."""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """What no line of the log may contain."""
    limited_providers: Mapping[str, Provider] = field(init=False)
    """The providers whose accounts have limits in the file."""
    memo: dict[Any, Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What follows from this file alone, kept by those who work it out."""

    def __post_init__(self) -> None:
        limited = {name: provider for name, provider in self.providers.items() if provider.limits is not None}
        object.__setattr__(self, "limited_providers", limited)

    def targets(self, model: str) -> tuple[Target, ...]:
        """Who serves that name: the table, then the longest pattern, then `provider/model`; () if nobody does."""
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
        """Names of the table that look like `model`, nearest first, three at most."""
        return get_close_matches(model, self.models, n=3, cutoff=0.5)


def bind_model(target: Target, model: str) -> Target:
    """The target with the name it was asked for where its own model has a `*`."""
    if "*" not in target.model:
        return target
    upstream = target.model.replace("*", model)
    price = target.price or list_price(target.provider.name, target.provider.dialect, upstream)
    return replace(
        target,
        model=upstream,
        id=target_id(target.provider.name, target.region, upstream),
        price=price,
        context_window=target.context_window or (price.context_window if price else None),
    )
