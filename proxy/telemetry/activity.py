"""Totals since start, the loaded configuration and the latest failovers, for `/v1/providers/activity`."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_FAILOVERS = 50


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """The active routing.yaml. `loaded_at` is in seconds since 1970."""

    number: int
    """Of the generation."""
    digest: str
    loaded_at: float


@dataclass(frozen=True, slots=True)
class FailoverRecord:
    """A request that needed more than one attempt, successful or not. It contains no text of the conversation."""

    request_id: str
    model: str
    ended_at: float
    """Seconds since 1970."""
    outcome: str
    attempts: tuple[Mapping[str, Any], ...]
    """As the `attempts` of an error response."""


@dataclass(slots=True)
class Activity:
    """What has happened since the process started."""

    started_at: float
    """Seconds since 1970."""
    loaded: LoadedConfig | None = None
    requests: int = 0
    """Requests with at least one attempt."""
    cost_usd: float = 0.0
    """Where prices and usage are known."""
    failover_count: int = 0
    failovers: deque[FailoverRecord] = field(default_factory=lambda: deque(maxlen=MAX_FAILOVERS))
    """The latest, newest first."""

    def record_request(self, cost_usd: float, failover: FailoverRecord | None) -> None:
        """Record a request that has ended."""
        self.requests += 1
        self.cost_usd += cost_usd
        if failover is not None:
            self.failover_count += 1
            self.failovers.appendleft(failover)
