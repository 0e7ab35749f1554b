"""How far failover goes: the options of `failover` in routing.yaml."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Literal

from msgspec import Meta

from proxy.config.auto_duration import AUTO, OFF, AutoOrDuration
from proxy.config.schema import ModelFailover
from proxy.config.units import Ratio, Seconds
from proxy.resilience.breaker import BreakerSettings


@dataclass(frozen=True, slots=True)
class Hedge:
    """When a second attempt starts while the first is silent."""

    after: AutoOrDuration = AutoOrDuration(AUTO)
    budget: Ratio = Ratio(0.05)
    """Hedges that each request pays for, next to those of the time (`budgets.HedgeBudget`)."""


@dataclass(frozen=True, slots=True)
class FailoverOptions:
    """The options."""

    max_retries: Annotated[int, Meta(ge=0, le=10)] = 3
    max_retry_after_wait: Seconds = Seconds(2.5)
    hedge: Hedge = Hedge()
    resume: Literal["auto", "off"] = "auto"
    circuit_breaker: BreakerSettings = BreakerSettings()


@lru_cache(maxsize=1024)
def for_model(options: FailoverOptions, changes: ModelFailover) -> FailoverOptions:
    """Return the options with what differs for a model. Breaker and hedge budget are those of all models."""
    names = ("max_retries", "max_retry_after_wait", "resume")
    changed = {name: value for name in names if (value := getattr(changes, name)) is not None}
    if changes.hedge is not None:
        after = AutoOrDuration(OFF) if changes.hedge == "off" else changes.hedge.after
        changed["hedge"] = replace(options.hedge, after=after)
    return replace(options, **changed)
