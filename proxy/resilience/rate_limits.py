"""How much of its configured limits a provider's account has in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.config.snapshot import Provider

MINUTE_S = 60.0
BUCKET_S = 5.0
"""Seconds of a bucket: what was used counts for a minute, to within this."""


@dataclass(slots=True)
class _Account:
    """One provider's use, in buckets by the time they began."""

    in_flight: int = 0
    requests: dict[float, int] = field(default_factory=dict)
    tokens: dict[float, int] = field(default_factory=dict)


@dataclass(slots=True)
class RateLimiter:
    """All providers' use; it outlives reloads."""

    _accounts: dict[str, _Account] = field(default_factory=dict)

    def start_attempt(self, provider: str, now: float) -> None:
        """An attempt begins."""
        account = self._account(provider)
        account.in_flight += 1
        _add(account.requests, 1, now)

    def end_attempt(self, provider: str, tokens: int, now: float) -> None:
        """An attempt is over, and cost so many tokens."""
        account = self._account(provider)
        account.in_flight -= 1
        if tokens:
            _add(account.tokens, tokens, now)

    def _account(self, provider: str) -> _Account:
        account = self._accounts.get(provider)
        if account is None:
            account = self._accounts[provider] = _Account()
        return account

    def limited_for_ms(self, providers: Mapping[str, Provider], now: float) -> dict[str, int]:
        """The providers that are at a limit of theirs -> milliseconds until they may have room again."""
        return {name: wait for name, provider in providers.items() if (wait := self._wait(provider, now))}

    def used_ratio(self, provider: Provider, now: float) -> float | None:
        """Of the limit that is nearest to its end, the part in use; None where none is configured."""
        limits, account = provider.limits, self._accounts.get(provider.name, _Account())
        if limits is None:
            return None
        ratios = [
            (sum(_live(account.requests, now).values()), limits.requests_per_minute),
            (sum(_live(account.tokens, now).values()), limits.tokens_per_minute),
            (account.in_flight, limits.concurrency),
        ]
        return max((used / limit for used, limit in ratios if limit), default=None)

    def _wait(self, provider: Provider, now: float) -> int:
        account, limits = self._accounts.get(provider.name), provider.limits
        if account is None or limits is None:
            return 0
        waits = [
            _until_room(account.requests, limits.requests_per_minute, now),
            _until_room(account.tokens, limits.tokens_per_minute, now),
            1.0 if limits.concurrency is not None and account.in_flight >= limits.concurrency else 0.0,
        ]
        return round(max(waits) * 1000)


def _add(buckets: dict[float, int], amount: int, now: float) -> None:
    start = now - now % BUCKET_S
    if start not in buckets:
        buckets[start] = 0
        for old in [begun for begun in buckets if begun + BUCKET_S + MINUTE_S <= now]:
            del buckets[old]
    buckets[start] += amount


def _live(buckets: Mapping[float, int], now: float) -> dict[float, int]:
    """The buckets that still count, oldest first."""
    return {start: amount for start, amount in sorted(buckets.items()) if start + BUCKET_S + MINUTE_S > now}


def _until_room(buckets: Mapping[float, int], limit: int | None, now: float) -> float:
    """Seconds until what was used within a minute is under the limit."""
    if limit is None:
        return 0.0
    live = _live(buckets, now)
    used = sum(live.values())
    for start, amount in live.items():
        if used < limit:
            return 0.0
        used -= amount
        if used < limit:
            return start + BUCKET_S + MINUTE_S - now
    return 0.0
