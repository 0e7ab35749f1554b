"""What keeps traffic from a target at one moment: ejection, cooldown, or failed probes."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal


@dataclass(frozen=True, slots=True)
class ProbeFailure:
    """The latest probe of a provider's region failed."""

    trigger: str
    """Class of the failure, a key of `CLASSIFICATIONS`."""
    reason: str
    """Such as `probe: connection refused`."""
    status: Literal["degraded", "down"] = "degraded"
    hold_until: float = -inf
    """Until then the targets of that region are used last. Every further failed probe extends it."""


SUSPECT_S = 1.0
"""Assumed wait at a suspect target: when it will answer again is unknown."""


@dataclass(frozen=True, slots=True)
class Availability:
    """What keeps traffic from a target. The defaults are those of an untried one."""

    ejected_for_s: float = 0.0
    """Until the open breaker becomes half-open."""
    cooling_for_s: float = 0.0
    """Until the cooldown ends that the provider requested or that was assumed."""
    consecutive_failures: int = 0
    failed_at: float | None = None
    """When the latest of them ended."""
    only_failed: bool = False
    """It was ejected, and neither an attempt nor a probe has succeeded since."""
    probe_failure: ProbeFailure | None = None
    """The failed probe of its region, if the latest one failed."""
    probe_hold_s: float = 0.0
    """For how long it is used last because of that."""
    is_suspect: bool = False
    """It is silent to all requests that wait there (`resilience.silence`)."""

    @property
    def available_in_s(self) -> float:
        """Seconds until it is ranked among the available targets again."""
        return max(self.ejected_for_s, self.withheld_for_s)

    @property
    def withheld_for_s(self) -> float:
        """Seconds for which it is used last for another reason than its breaker."""
        return max(self.cooling_for_s, self.probe_hold_s, SUSPECT_S if self.is_suspect else 0.0)

    @property
    def is_down(self) -> bool:
        """Whether it is ejected, has only failed since its ejection, or is down according to its probes."""
        is_down_by_probes = self.probe_failure is not None and self.probe_failure.status == "down"
        return self.ejected_for_s > 0 or self.only_failed or is_down_by_probes


UNTRIED = Availability()
