"""How far failover goes: the options of `failover` in routing.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from proxy.config.units import Ratio, Seconds
from proxy.resilience.breaker import BreakerSettings

AUTO, OFF = -1.0, inf


class AutoOrDuration(float):
    """Seconds, or AUTO, or OFF. Written `auto`, `off`, or a duration."""

    expected = "auto, off, or a duration such as 8s"
    schema: ClassVar[dict[str, Any]] = {"anyOf": [{"enum": ["auto", "off"]}, Seconds.schema]}

    @classmethod
    def parse(cls, text: str) -> AutoOrDuration:
        """ValueError if it is none of them."""
        words = {"auto": AUTO, "off": OFF}
        return cls(words[text] if text in words else Seconds.parse(text))


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
