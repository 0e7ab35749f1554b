"""What routing knows of this process: the signals that decisions read, and what earlier decisions have left."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from proxy.config.snapshot import Snapshot
from proxy.resilience.accounts import ChangedAccounts
from proxy.routing.affinity import Affinity
from proxy.routing.balancing import BalancerState
from proxy.routing.decision_cache import DecisionCache
from proxy.telemetry.metric_labels import group_keys, is_group_of
from proxy.telemetry.signals import SignalCache


@dataclass(frozen=True, slots=True)
class Routing:
    """Signals, sessions, and the picks of the load balancer."""

    signals: SignalCache
    round_robin: BalancerState = field(default_factory=BalancerState)
    affinity: Affinity = field(default_factory=Affinity)
    decision_cache: DecisionCache = field(default_factory=DecisionCache)

    def update(self, snapshot: Snapshot, targets: frozenset[str], changed: ChangedAccounts) -> None:
        """Apply a new snapshot that names these targets. The health of replaced accounts is unknown again."""
        self.signals.target_histories.forget(changed.has_target)
        self.signals.group_histories.forget(partial(is_group_of, changed.providers, changed.locations))
        self.signals.target_histories.pin(targets)
        self.signals.group_histories.pin(group_keys(snapshot))
