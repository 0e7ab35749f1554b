"""The immutable content of a routing.yaml, with defaults filled in: providers, models and their targets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import chain
from typing import Any, NamedTuple

import yaml

from proxy.config.key_pool import Account, KeyPool
from proxy.config.patterns import expand, star_texts
from proxy.config.plain_values import NO_POLICY, PolicyWords
from proxy.config.prices import Price, list_price
from proxy.config.process_schema import Admin, Drain, Listen
from proxy.config.regions import CloudRegion
from proxy.config.schema import (
    NO_PARAMS,
    Defaults,
    ModelFailover,
    ProbeConfig,
    ProviderLimits,
    TargetParams,
    Timeouts,
)
from proxy.config.units import Secret
from proxy.errors import ModelNotFoundError
from proxy.redaction import Redactor

GLOBAL = "global"
"""The region of a provider without `regions`."""

ANY_MODEL = "*"
"""The model of a provider's targets before a request has named one."""
MODEL_NAME = re.compile(r"(?!.*(?:\.\.|//))[A-Za-z0-9._:/@+-]{1,256}")


class LimitGroup(NamedTuple):
    """Limits that hold for one account at a provider, or at one of its targets."""

    holder: str
    """The provider's name, or the target's id as the file has it, with its `*`."""
    limits: ProviderLimits
    account: Account = None

    @property
    def key(self) -> tuple[str, Account]:
        """What their usage is counted by."""
        return self.holder, self.account


@dataclass(frozen=True, slots=True)
class Provider:
    """A vendor account."""

    name: str
    dialect: str
    weight: float
    key: Secret | None = None
    """Its only key, or the first one of its pool."""
    pool: KeyPool | None = None
    """Its keys, if it has several."""
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
    def accounts(self) -> tuple[Account, ...]:
        """The accounts of its keys, each once."""
        return self.pool.accounts if self.pool else (None,)

    @property
    def missing_keys(self) -> Mapping[str, str]:
        """The keys of its pool that cannot be used, by their label, each with the reason."""
        return dict(self.pool.missing) if self.pool else {}

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
    """Features it does not support, such as `tools`, and paths of endpoints that its host lacks, such as `/completions`."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """Members added to its requests."""
    limits: LimitGroup | None = None
    """Its own limits, in addition to its provider's."""
    priority: int = 0
    """Targets of a lower number come before all of a higher one."""
    weight: float = 1.0
    """Its weight, or that of its provider, which it shares with the other targets of its `weight_group`.

    A share of the sum of all providers' weights. 0: the last resort."""
    weight_group: str = ""
    configured_weight: float = 1.0
    """The weight as the file has it."""
    family: str | None = None
    """The model whose rules it follows, if not those of `model`."""
    only_after: tuple[str, ...] = ()
    """The classes of failure after which alone it is used, or () for any use."""
    params: TargetParams = NO_PARAMS

    @property
    def rules_model(self) -> str:
        """The model whose rules it follows: its family's, otherwise its own."""
        return self.family or self.model


def target_id(provider: str, region: str, model: str) -> str:
    """Return the id, such as `openai@eu-central-1/gpt-4o`, by which state of a target survives a reload."""
    return f"{provider}@{region}/{model}"


@dataclass(frozen=True, slots=True)
class ModelPattern:
    """A model name with `*`, and the targets that serve the names it matches."""

    text: str
    targets: tuple[Target, ...]

    def matches(self, name: str) -> bool:
        """Return whether a whole model name matches. Only `*` is special."""
        return star_texts(self.text, name) is not None


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What the file says of a model besides its targets."""

    policy: PolicyWords = NO_POLICY
    failover: ModelFailover = ModelFailover()


NO_OPTIONS = ModelOptions()


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
    """The targets of each provider for models requested as `provider/model`. Their model is ANY_MODEL."""
    known_names: KnownNames
    """The names that request headers may contain."""
    model_options: Mapping[str, ModelOptions] = field(default_factory=dict)
    """By name or pattern, those of the models that have any."""
    strict_params: bool = False
    """Whether an unsupported parameter excludes the target. Otherwise the parameter is dropped."""
    keeps_hosted_tools: bool = False
    """Whether an offered hosted tool excludes the targets that lack it, even if none has it."""
    fetches_files: bool = False
    """Whether the sidecar fetches images and files for targets that cannot."""
    default_strategy: str = "automatic"
    """The strategy of requests that name none."""
    max_inflight: int = 1000
    """Maximum requests in flight."""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """Values that no log line may contain."""
    limited: Mapping[str, Sequence[LimitGroup]] = field(init=False)
    """The limits of each provider and target that has any, for each of its accounts, by their holder."""
    has_policies: bool = field(init=False)
    """Whether `defaults` or any model has a policy."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "limited", _limited(self))
        object.__setattr__(self, "has_policies", any(each.members for each in self.policies))

    @property
    def policies(self) -> tuple[PolicyWords, ...]:
        """The policies of `defaults` and of all models."""
        return (self.defaults.policy, *(options.policy for options in self.model_options.values()))

    def targets(self, model: str) -> tuple[Target, ...]:
        """Return the targets of a model, or those of all providers for a request that names none.

        Looked up in the table, then in the longest matching pattern, then as `provider/model`, then in the pattern `*`.
        Empty if the model is not found.
        """
        if model in self.models:
            return self.models[model]
        if not model:
            return tuple(chain.from_iterable(self.defaults_by_provider.values()))
        if (pattern := self._pattern(model)) is not None:
            texts = star_texts(pattern.text, model) or ()
            return tuple(bind_model(target, model, texts) for target in pattern.targets)
        return tuple(bind_model(target, model.partition("/")[2]) for target in self._provider_targets(model))

    def options(self, model: str) -> ModelOptions:
        """Return what the file says of a model besides its targets."""
        if not self.model_options:
            return NO_OPTIONS
        pattern = None if model in self.models else self._pattern(model)
        return self.model_options.get(pattern.text if pattern else model, NO_OPTIONS)

    def _pattern(self, model: str) -> ModelPattern | None:
        """Return the pattern that applies to a model outside the table, or None."""
        if not MODEL_NAME.fullmatch(model):
            return None
        found = next((each for each in self.patterns if each.matches(model)), None)
        return None if found is not None and found.text == "*" and self._provider_targets(model) else found

    def _provider_targets(self, model: str) -> tuple[Target, ...]:
        """Return the targets of the provider that a model's name begins with, as in `provider/model`."""
        provider, _, name = model.partition("/")
        return self.defaults_by_provider.get(provider, ()) if name and MODEL_NAME.fullmatch(model) else ()

    def similar_names(self, model: str) -> list[str]:
        """Return up to three model names of the table that are similar to `model`, the most similar first."""
        return get_close_matches(model, self.models, n=3, cutoff=0.5)


def bind_model(target: Target, model: str, star_texts: tuple[str, ...] = ()) -> Target:
    """Return the target for a requested model, whose name, or the parts of it in `star_texts`, is part of its own."""
    upstream_model = expand(target.model, model, star_texts)
    if upstream_model == target.model:
        return target
    price = target.price or list_price(target.provider.name, target.provider.dialect, target.family or upstream_model)
    return replace(
        target,
        model=upstream_model,
        id=target_id(target.provider.name, target.region, upstream_model),
        price=price,
        context_window=target.context_window or (price.context_window if price else None),
    )


def _limited(snapshot: Snapshot) -> dict[str, list[LimitGroup]]:
    """Return the limits of a snapshot by their holder, for each account."""
    served = (*snapshot.models.values(), *(pattern.targets for pattern in snapshot.patterns))
    own = [(target.limits, target.provider) for targets in served for target in targets if target.limits is not None]
    shared = [(LimitGroup(each.name, each.limits), each) for each in snapshot.providers.values() if each.limits]
    return {
        group.holder: [group._replace(account=account) for account in provider.accounts]
        for group, provider in (*shared, *own)
    }


def targets_for_model(snapshot: Snapshot, model: str) -> tuple[Target, ...]:
    """Return the targets of a model. Raises ModelNotFoundError with up to three similar names."""
    targets = snapshot.targets(model)
    if not targets:
        similar = snapshot.similar_names(model)
        hint = f"; did you mean {' or '.join(repr(name) for name in similar)}?" if similar else ""
        raise ModelNotFoundError(f"no model '{model[:256]}' in the routing table{hint}", param="model")
    return targets
