"""Client-side rate limits: how much of its configured `limits` each provider account has in use.

Requests and tokens are counted in buckets of 5 s, and each bucket counts for a minute after it has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from proxy.config.snapshot import Provider

BUCKET_S = 5.0
_WINDOW_S = 60.0
_CONCURRENCY_WAIT_S = 1.0
"""Assumed wait at the concurrency limit: when an attempt in flight will end is unknown."""


@dataclass(slots=True)
class AccountUsage:
    """Usage of one provider account, in buckets by start time."""

    in_flight: int = 0
    requests: dict[float, int] = field(default_factory=dict)
    tokens: dict[float, int] = field(default_factory=dict)

    def end_attempt(self, tokens: int, now: float) -> None:
        """Count an attempt that has ended, and the tokens that it used."""
        self.in_flight -= 1
        if tokens:
            _add(self.tokens, tokens, now)


@dataclass(slots=True)
class RateLimiter:
    """Usage of all providers, by name. It survives reloads that do not change the provider's account."""

    _accounts: dict[str, AccountUsage] = field(default_factory=dict)

    def start_attempt(self, provider: str, now: float) -> AccountUsage:
        """Count an attempt that starts, and return where its end is counted."""
        account = self._accounts.get(provider)
        if account is None:
            account = self._accounts[provider] = AccountUsage()
        account.in_flight += 1
        _add(account.requests, 1, now)
        return account

    def forget(self, providers: Iterable[str]) -> None:
        """Start these providers with unused limits, as their account has changed. Attempts in flight end at the old one."""
        for provider in providers:
            self._accounts.pop(provider, None)

    def limited_for_ms(self, providers: Mapping[str, Provider], now: float) -> dict[str, int]:
        """Return the providers that are at a limit, with the milliseconds until there may be room again."""
        return {name: wait for name, provider in providers.items() if (wait := self._wait_ms(provider, now))}

    def used_ratio(self, provider: Provider, now: float) -> float | None:
        """Return the used part of the limit that is used most, or None if no limit is configured."""
        limits, account = provider.limits, self._accounts.get(provider.name, AccountUsage())
        if limits is None:
            return None
        ratios = [
            (sum(_in_window(account.requests, now).values()), limits.requests_per_minute),
            (sum(_in_window(account.tokens, now).values()), limits.tokens_per_minute),
            (account.in_flight, limits.concurrency),
        ]
        return max((used / limit for used, limit in ratios if limit), default=None)

    def _wait_ms(self, provider: Provider, now: float) -> int:
        account, limits = self._accounts.get(provider.name), provider.limits
        if account is None or limits is None:
            return 0
        is_full = limits.concurrency is not None and account.in_flight >= limits.concurrency
        waits_s = [
            _wait_s(account.requests, limits.requests_per_minute, now),
            _wait_s(account.tokens, limits.tokens_per_minute, now),
            _CONCURRENCY_WAIT_S if is_full else 0.0,
        ]
        return round(max(waits_s) * 1000)


def _add(buckets: dict[float, int], amount: int, now: float) -> None:
    start = now - now % BUCKET_S
    if start not in buckets:
        buckets[start] = 0
        for expired in [other for other in buckets if other + BUCKET_S + _WINDOW_S <= now]:
            del buckets[expired]
    buckets[start] += amount


def _in_window(buckets: Mapping[float, int], now: float) -> dict[float, int]:
    """Return the buckets that still count, oldest first."""
    return {start: amount for start, amount in sorted(buckets.items()) if start + BUCKET_S + _WINDOW_S > now}


def _wait_s(buckets: Mapping[float, int], limit: int | None, now: float) -> float:
    """Return the seconds until enough buckets have expired for the usage to be under the limit."""
    if limit is None:
        return 0.0
    in_window = _in_window(buckets, now)
    used = sum(in_window.values())
    for start, amount in in_window.items():
        if used < limit:
            return 0.0
        used -= amount
        if used < limit:
            return start + BUCKET_S + _WINDOW_S - now
    return 0.0
