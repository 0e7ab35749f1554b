"""What an operator looks back on: what it came to so far, who had to step in, and which file is in force."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_FAILOVERS = 50


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """The file in force."""

    number: int
    digest: str
    loaded_at: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class FailoverRecord:
    """A request that needed more than one attempt; nothing of what it said."""

    request_id: str
    model: str
    ended_at: float
    """When it was over, in seconds since 1970."""
    outcome: str
    attempts: tuple[Mapping[str, Any], ...]
    """As a caller may know them."""


@dataclass(slots=True)
class Activity:
    """Since the process began."""

    started_at: float
    """Seconds since 1970."""
    loaded: LoadedConfig | None = None
    requests: int = 0
    """That reached a provider, or tried to."""
    cost_usd: float = 0.0
    """US dollars, where prices and usage are known."""
    failover_count: int = 0
    failovers: deque[FailoverRecord] = field(default_factory=lambda: deque(maxlen=MAX_FAILOVERS))
    """The latest, newest first."""

    def record_request(self, cost: float, rescue: FailoverRecord | None) -> None:
        """A request is over."""
        self.requests += 1
        self.cost_usd += cost
        if rescue is not None:
            self.failover_count += 1
            self.failovers.appendleft(rescue)
