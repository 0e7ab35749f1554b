"""X-Failover-Config: a chain of providers from the request, with the failures after which each of them is used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from proxy.config.snapshot import MODEL_NAME, KnownNames, Snapshot, Target, bind_model
from proxy.resilience.breakers import BreakerOverride

MAX_HEADER_LENGTH = 4096

Trigger = Literal[
    "rate_limit", "timeout", "server_error", "model_overloaded", "connection_error", "auth_error", "context_length",
    "content_filter", "any",
]  # fmt: skip
"""A class of failure. `any`, also the default, means all classes that fail over by default."""


class _Rule(Struct, frozen=True, forbid_unknown_fields=True):
    provider: str
    trigger: tuple[Trigger, ...] = ("any",)
    model_mapping: dict[str, str] = {}
    max_additional_latency_ms: Annotated[float, Meta(gt=0)] | None = None


class _CircuitBreaker(Struct, frozen=True, forbid_unknown_fields=True):
    enabled: bool = True
    failure_threshold: Annotated[int, Meta(ge=1, le=1000)] = 5
    recovery_timeout: Annotated[float, Meta(ge=0, le=86400)] = 300.0


class _Config(Struct, frozen=True, forbid_unknown_fields=True):
    primary_provider: str
    fallback_rules: tuple[_Rule, ...] = ()
    circuit_breaker: _CircuitBreaker | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """When a fallback provider is used, and for which model."""

    provider: str
    triggers: frozenset[str]
    model_mapping: tuple[tuple[str, str], ...]
    """The requested model -> the model to request from this provider."""
    max_additional_latency_s: float | None
    """The fallback is skipped, or cut off, if its first content takes longer."""

    def matches(self, trigger: str, fails_over: bool) -> bool:
        """Return whether the rule applies after that failure. `fails_over` is what the class does by default."""
        return trigger in self.triggers or ("any" in self.triggers and fails_over)


@dataclass(frozen=True, slots=True)
class FailoverConfig:
    """The primary provider, and the rules of its fallbacks in order."""

    primary: str
    rules: tuple[Rule, ...]
    breaker: BreakerOverride | None

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers of the chain in order, each once."""
        return tuple(dict.fromkeys((self.primary, *(rule.provider for rule in self.rules))))

    def rule(self, provider: str) -> Rule | None:
        """Return the first rule for that provider."""
        return next((rule for rule in self.rules if rule.provider == provider), None)

    def targets(self, model: str, snapshot: Snapshot) -> tuple[Target, ...]:
        """Return the targets of the chain: each provider's targets for the model that its rule maps to."""
        return tuple(target for name in self.providers for target in self._provider_targets(name, model, snapshot))

    def _provider_targets(self, provider: str, model: str, snapshot: Snapshot) -> Iterator[Target]:
        """Look the mapped model up like any other. An unknown name goes to the provider unchanged."""
        rule = None if provider == self.primary else self.rule(provider)
        mapped = dict(rule.model_mapping).get(model, model) if rule else model
        found = [target for target in snapshot.targets(mapped) if target.provider.name == provider]
        if not found and mapped != model:
            found = [bind_model(target, mapped) for target in snapshot.defaults_by_provider.get(provider, ())]
        return iter(found)


def parse_failover_config(text: str, known: KnownNames) -> FailoverConfig:
    """Parse the header's JSON. Raises ValueError with the place of the error and what is allowed."""
    if len(text) > MAX_HEADER_LENGTH:
        raise ValueError(f"longer than {MAX_HEADER_LENGTH} characters")
    try:
        config = msgspec.json.decode(text, type=_Config)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error) or "nested too deeply") from error
    for name in (config.primary_provider, *(rule.provider for rule in config.fallback_rules)):
        if name not in known.providers:
            raise ValueError(f"no provider '{name[:64]}'; allowed: {', '.join(sorted(known.providers))}")
    for model in (mapped for rule in config.fallback_rules for mapped in rule.model_mapping.values()):
        if not MODEL_NAME.fullmatch(model):
            raise ValueError(f"model_mapping: a model's name must match {MODEL_NAME.pattern}, got {model[:64]!r}")
    rule = config.circuit_breaker
    breaker = BreakerOverride(rule.enabled, rule.failure_threshold, rule.recovery_timeout) if rule else None
    return FailoverConfig(config.primary_provider, tuple(map(_rule, config.fallback_rules)), breaker)


def _rule(rule: _Rule) -> Rule:
    latency_ms = rule.max_additional_latency_ms
    triggers = frozenset(rule.trigger or ("any",))
    return Rule(rule.provider, triggers, tuple(rule.model_mapping.items()), latency_ms / 1000 if latency_ms else None)
