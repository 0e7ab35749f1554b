"""How far failover goes: the options of `failover` in routing.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from proxy.config.auto_duration import AUTO, AutoOrDuration
from proxy.config.units import Ratio, Seconds
from proxy.resilience.breaker import BreakerSettings


@dataclass(frozen=True, slots=True)
class Hedge:
    """When a second attempt starts while the first is silent."""

    after: AutoOrDuration = AutoOrDuration(AUTO)
    budget: Ratio = Ratio(0.05)
    """Hedges per request that may be paid for."""


@dataclass(frozen=True, slots=True)
class FailoverOptions:
    """The options."""

    max_retries: Annotated[int, Meta(ge=0, le=10)] = 3
    max_retry_after_wait: Seconds = Seconds(2.5)
    hedge: Hedge = Hedge()
    resume: Literal["auto", "off"] = "auto"
    circuit_breaker: BreakerSettings = BreakerSettings()
