"""How much of a limit per minute is in use: amounts in buckets of a second, each of which counts for a minute after its end."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from msgspec import Struct

_BUCKET_S = 1.0
_WINDOW_S = 60.0


class MinuteBucket(Struct, eq=False):
    """What was used in one second."""

    started: float
    amount: int = 0
    expires: float = 0.0


@dataclass(slots=True)
class MinuteWindow:
    """The buckets that still count, oldest first: at most one for each second.

    More than the whole limit is a debt: it counts for as many minutes as the limit fits into it.
    """

    _used: int = 0
    _buckets: deque[MinuteBucket] = field(default_factory=deque)

    def used(self, now: float) -> int:
        """Return what is in use at that time."""
        while self._buckets and self._buckets[0].expires <= now:
            self._used -= self._buckets.popleft().amount
        return self._used

    def wait_s(self, amount: int, limit: int, now: float) -> float:
        """Return the seconds until there is room for an amount. Any amount fits while nothing is in use."""
        excess, expires = self.used(now) + min(amount, limit) - limit, now
        for bucket in self._buckets:
            if excess <= 0:
                break
            excess -= bucket.amount
            expires = max(expires, bucket.expires)
        return expires - now

    def add(self, amount: int, limit: int, now: float) -> MinuteBucket:
        """Count an amount, and return the bucket that holds it, to `correct` it later."""
        self.used(now)
        started = now - now % _BUCKET_S
        if not self._buckets or self._buckets[-1].started != started:
            self._buckets.append(MinuteBucket(started))
        bucket = self._buckets[-1]
        self._change(bucket, amount, limit)
        return bucket

    def correct(self, bucket: MinuteBucket, by: int, limit: int, now: float) -> None:
        """Change what a bucket holds. Where it no longer counts, more is counted now, and less changes nothing."""
        self.used(now)
        if bucket.expires > now:
            self._change(bucket, by, limit)
        elif by > 0:
            self.add(by, limit, now)

    def _change(self, bucket: MinuteBucket, by: int, limit: int) -> None:
        self._used += by
        bucket.amount += by
        bucket.expires = bucket.started + _BUCKET_S + _WINDOW_S * max(1.0, bucket.amount / limit)
