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
    """Time without content after which a second target is tried in parallel."""
    budget: Ratio = Ratio(0.05)
    """Hedges as a share of the requests, in addition to one a minute."""


@dataclass(frozen=True, slots=True)
class FailoverOptions:
    """The options."""

    max_retries: Annotated[int, Meta(ge=0, le=10)] = 3
    """Attempts after the first."""
    max_retry_after_wait: Seconds = Seconds(2.5)
    """Longest `Retry-After` after which the same target is retried."""
    hedge: Hedge = Hedge()
    """A second attempt while the first is silent."""
    resume: Literal["auto", "off"] = "auto"
    """`auto`: a stream that was cut is continued at another target if possible. `off`: it ends with an error event."""
    circuit_breaker: BreakerSettings = BreakerSettings()
    """When a target is ejected, and for how long."""


@lru_cache(maxsize=1024)
def for_model(options: FailoverOptions, changes: ModelFailover) -> FailoverOptions:
    """Return the options with what differs for a model. Breaker and hedge budget are those of all models."""
    names = ("max_retries", "max_retry_after_wait", "resume")
    changed = {name: value for name in names if (value := getattr(changes, name)) is not None}
    if changes.hedge is not None:
        after = AutoOrDuration(OFF) if changes.hedge == "off" else changes.hedge.after
        changed["hedge"] = replace(options.hedge, after=after)
    return replace(options, **changed)
