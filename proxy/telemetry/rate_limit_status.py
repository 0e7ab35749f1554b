"""The state of a provider's rate limits as the headers of its latest response gave it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateLimitStatus:
    """What was left of the limits. Times are monotonic seconds."""

    requests: int | None
    """Requests left, or None if the provider does not send it."""
    tokens: int | None
    """Tokens left, or None if the provider does not send it."""
    used_ratio: float
    """Used part (0-1) of the limit that is used most."""
    resets_at: float
    """When that limit is reset. From then on this status is out of date."""

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing is left of one of them."""
        return self.requests == 0 or self.tokens == 0

    def used_ratio_at(self, now: float) -> float:
        """Return the used part (0-1) as far as is known: 0 once the limit has been reset."""
        return self.used_ratio if now < self.resets_at else 0.0


UnparsedRateLimits = Callable[[], RateLimitStatus | None]
"""Parses headers that leave something of every limit."""


@dataclass(slots=True)
class LatestRateLimits:
    """The rate limits of a target's latest response that had headers for them. They are parsed when they are asked for."""

    _parsed: RateLimitStatus | None = None
    _unparsed: UnparsedRateLimits | None = None

    def record(self, status: RateLimitStatus | UnparsedRateLimits) -> bool:
        """Take the limits of a response. Return whether one of them is exhausted, or was until now."""
        was_exhausted = self._parsed is not None and self._parsed.is_exhausted
        if isinstance(status, RateLimitStatus):
            self._parsed, self._unparsed = status, None
            return was_exhausted or status.is_exhausted
        self._parsed, self._unparsed = None, status
        return was_exhausted

    @property
    def status(self) -> RateLimitStatus | None:
        """What they are, None before the first such response."""
        if self._unparsed is not None:
            self._parsed, self._unparsed = self._unparsed(), None
        return self._parsed
