"""What a provider says of its rate limits in the headers of an answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateLimitStatus:
    """What the provider's last answer said of its rate limits."""

    requests: int | None
    tokens: int | None
    used_ratio: float
    """Of the limit nearest to its end, the part (0-1) that is gone."""
    resets_at: float
    """When that limit is whole again; from then on this says nothing."""

    @property
    def is_exhausted(self) -> bool:
        """Whether there is nothing left of one of them."""
        return self.requests == 0 or self.tokens == 0

    def used_ratio_at(self, now: float) -> float:
        """The part (0-1) that is gone as far as is known: nothing once the limit has been reset."""
        return self.used_ratio if now < self.resets_at else 0.0
