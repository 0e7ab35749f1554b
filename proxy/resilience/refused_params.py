"""What targets have refused of requests, so that it is left out or renamed there from then on."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

KEPT_S = 600.0
"""After so many seconds it is sent again, as hosts are updated and deployments are changed."""
_MAX_TARGETS = 1_000


@dataclass(slots=True)
class RefusedParams:
    """The parameters that each target has refused, by its id."""

    by_target: OrderedDict[str, dict[str, float]] = field(default_factory=OrderedDict)
    """Target -> parameter -> the time at which it was refused, the target of the latest refusal last. Changed by `add` alone."""

    def add(self, target: str, param: str, now: float) -> None:
        """Note a refusal."""
        self.by_target.setdefault(target, {})[param] = now
        self.by_target.move_to_end(target)
        if len(self.by_target) > _MAX_TARGETS:
            self.by_target.popitem(last=False)

    def of(self, target: str, now: float) -> frozenset[str]:
        """Return what the target has refused of late."""
        refused = self.by_target.get(target, {})
        return frozenset(param for param, at in refused.items() if now - at < KEPT_S)
