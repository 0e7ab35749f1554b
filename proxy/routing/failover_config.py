"""X-Failover-Config: a chain of the caller's own, with what makes each of its links take over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from proxy.config.snapshot import MODEL_NAME, KnownNames, Snapshot, Target, bind_model
from proxy.resilience.breakers import BreakerOverride

MAX_HEADER_LENGTH = 4096
"""Characters."""

Trigger = Literal[
    "rate_limit", "timeout", "server_error", "model_overloaded", "connection_error", "auth_error", "context_length",
    "content_filter", "any",
]  # fmt: skip
"""A class of failure; `any`, and a rule that names none, mean those that fail over by default."""


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
    """When a provider takes over, and as what."""

    provider: str
    triggers: frozenset[str]
    model_mapping: tuple[tuple[str, str], ...]
    """The model asked for -> what this provider is asked for instead."""
    max_additional_latency_s: float | None
    """Seconds that it may add at most."""

    def matches(self, trigger: str, fails_over: bool) -> bool:
        """Whether it takes over after a failure of that class, which by default fails over or does not."""
        return trigger in self.triggers or ("any" in self.triggers and fails_over)


@dataclass(frozen=True, slots=True)
class FailoverConfig:
    """The chain."""

    primary: str
    rules: tuple[Rule, ...]
    breaker: BreakerOverride | None

    @property
    def providers(self) -> tuple[str, ...]:
        """The chain's providers, each once."""
        return tuple(dict.fromkeys((self.primary, *(rule.provider for rule in self.rules))))

    def rule(self, provider: str) -> Rule | None:
        """The first rule that names the provider."""
        return next((rule for rule in self.rules if rule.provider == provider), None)

    def targets(self, model: str, snapshot: Snapshot) -> tuple[Target, ...]:
        """Who may serve by this chain: for each provider its targets for the model as mapped for it."""
        return tuple(target for name in self.providers for target in self._provider_targets(name, model, snapshot))

    def _provider_targets(self, provider: str, model: str, snapshot: Snapshot) -> Iterator[Target]:
        """A mapped name is looked up like any other; what nobody knows goes to the provider unchanged."""
        rule = None if provider == self.primary else self.rule(provider)
        asked = dict(rule.model_mapping).get(model, model) if rule else model
        found = [target for target in snapshot.targets(asked) if target.provider.name == provider]
        if not found and asked != model:
            found = [bind_model(target, asked) for target in snapshot.defaults_by_provider.get(provider, ())]
        return iter(found)


def parse_failover_config(text: str, known: KnownNames) -> FailoverConfig:
    """The header's JSON; a ValueError says where it is wrong and what is allowed."""
    if len(text) > MAX_HEADER_LENGTH:
        raise ValueError(f"longer than {MAX_HEADER_LENGTH} characters")
    try:
        config = msgspec.json.decode(text, type=_Config)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error) or "nested too deep") from error
    for name in (config.primary_provider, *(rule.provider for rule in config.fallback_rules)):
        if name not in known.providers:
            raise ValueError(f"no provider '{name[:64]}'; allowed: {', '.join(sorted(known.providers))}")
    for model in (mapped for rule in config.fallback_rules for mapped in rule.model_mapping.values()):
        if not MODEL_NAME.fullmatch(model):
            raise ValueError(f"model_mapping: a model's name must match {MODEL_NAME.pattern}, got {model[:64]!r}")
    own = config.circuit_breaker
    breaker = BreakerOverride(own.enabled, own.failure_threshold, own.recovery_timeout) if own else None
    return FailoverConfig(config.primary_provider, tuple(map(_rule, config.fallback_rules)), breaker)


def _rule(rule: _Rule) -> Rule:
    within = rule.max_additional_latency_ms
    triggers = frozenset(rule.trigger or ("any",))
    return Rule(rule.provider, triggers, tuple(rule.model_mapping.items()), within / 1000 if within else None)
