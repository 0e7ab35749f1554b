"""What an operator looks back on: what it came to so far, who had to step in, and which file is in force."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KEPT = 50


@dataclass(frozen=True, slots=True)
class Loaded:
    """The file in force."""

    number: int
    digest: str
    at: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Rescue:
    """A request that needed more than one attempt; nothing of what it said."""

    request_id: str
    model: str
    at: float
    """When it was over, in seconds since 1970."""
    outcome: str
    attempts: tuple[Mapping[str, Any], ...]
    """As a caller may know them."""


@dataclass(slots=True)
class Activity:
    """Since the process began."""

    began: float
    """Seconds since 1970."""
    loaded: Loaded | None = None
    requests: int = 0
    """That reached a provider, or tried to."""
    cost: float = 0.0
    """US dollars, where prices and usage are known."""
    rescued: int = 0
    rescues: deque[Rescue] = field(default_factory=lambda: deque(maxlen=KEPT))
    """The latest, newest first."""

    def ended(self, cost: float, rescue: Rescue | None) -> None:
        """A request is over."""
        self.requests += 1
        self.cost += cost
        if rescue is not None:
            self.rescued += 1
            self.rescues.appendleft(rescue)
