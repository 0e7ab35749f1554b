"""The limits of routing.yaml: how much of them each account has in use, and whether an attempt fits.

An attempt takes what it needs of every limit at once, when it starts, and gives it back at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from msgspec import Struct

from proxy.config.key_pool import Account, PoolKey
from proxy.config.schema import ProviderLimits
from proxy.config.snapshot import LimitGroup, Provider, Target
from proxy.resilience.minute_window import MinuteBucket, MinuteWindow

_CONCURRENCY_WAIT_S = 1.0
"""Assumed wait at the concurrency limit: when an attempt in flight will end is unknown."""


class Shortage(Struct, frozen=True):
    """A limit that leaves no room for an attempt."""

    holder: str
    """The provider or target that it is configured for."""
    limit: str
    """Its name in routing.yaml."""
    wait_s: float
    """Until there may be room."""


@dataclass(slots=True)
class AccountUsage:
    """What is in use of the limits of one account."""

    in_flight: int = 0
    requests: MinuteWindow = field(default_factory=MinuteWindow)
    tokens: MinuteWindow = field(default_factory=MinuteWindow)

    def waits(self, limits: ProviderLimits, tokens: int, now: float) -> Iterator[tuple[float, str]]:
        """Yield the seconds until an attempt with that many tokens fits, and the limit's name, for each limit."""
        if limits.concurrency is not None:
            yield (_CONCURRENCY_WAIT_S if self.in_flight >= limits.concurrency else 0.0), "concurrency"
        if limits.requests_per_minute is not None:
            yield self.requests.wait_s(1, limits.requests_per_minute, now), "requests_per_minute"
        if limits.tokens_per_minute is not None:
            yield self.tokens.wait_s(tokens, limits.tokens_per_minute, now), "tokens_per_minute"

    def used_ratio(self, limits: ProviderLimits, now: float) -> float | None:
        """Return the used part of the limit that is used most, or None without a limit."""
        used = (
            (self.in_flight, limits.concurrency),
            (self.requests.used(now), limits.requests_per_minute),
            (self.tokens.used(now), limits.tokens_per_minute),
        )
        return max((amount / limit for amount, limit in used if limit is not None), default=None)


class _Share(Struct, eq=False):
    """What one attempt holds of one account's limits."""

    account: AccountUsage
    limits: ProviderLimits
    tokens: int
    request_bucket: MinuteBucket | None = None
    token_bucket: MinuteBucket | None = None

    def take(self, now: float) -> None:
        account, limits = self.account, self.limits
        account.in_flight += 1
        if limits.requests_per_minute is not None:
            self.request_bucket = account.requests.add(1, limits.requests_per_minute, now)
        if limits.tokens_per_minute is not None:
            self.token_bucket = account.tokens.add(self.tokens, limits.tokens_per_minute, now)

    def end(self, tokens: int, now: float) -> None:
        self.account.in_flight -= 1
        if self.token_bucket is not None:
            limit = self.limits.tokens_per_minute
            assert limit is not None
            self.account.tokens.correct(self.token_bucket, tokens - self.tokens, limit, now)

    def cancel(self, now: float) -> None:
        self.end(0, now)
        self.count_requests(-1, now)

    def count_requests(self, count: int, now: float) -> None:
        if self.request_bucket is not None:
            limit = self.limits.requests_per_minute
            assert limit is not None
            self.account.requests.correct(self.request_bucket, count, limit, now)


class Reservation(Struct, frozen=True, eq=False):
    """What one attempt holds of the limits, and the key of a pool that it is made with. End or cancel it once."""

    shares: Sequence[_Share] = ()
    key: PoolKey | None = None

    def end(self, tokens: int, now: float) -> None:
        """Give the place back, and count the tokens that were used in place of the reserved ones."""
        for share in self.shares:
            share.end(tokens, now)

    def count_request(self, now: float) -> None:
        """Count one more request of the same attempt, whether or not there is room for it: later attempts wait longer."""
        for share in self.shares:
            share.count_requests(1, now)

    def cancel(self, now: float) -> None:
        """Give everything back, because nothing was sent."""
        for share in self.shares:
            share.cancel(now)


NOT_LIMITED = Reservation()
"""What an attempt holds where no limit is configured."""


def limit_groups(target: Target, account: Account = None) -> list[LimitGroup]:
    """Return the limits that attempts at a target count against, with that account of its provider."""
    provider, groups = target.provider, list[LimitGroup]()
    if provider.limits is not None:
        groups.append(LimitGroup(provider.name, provider.limits, account))
    if target.limits is not None:
        groups.append(target.limits._replace(account=account))
    return groups


@dataclass(slots=True)
class RateLimiter:
    """The usage of all limits. It survives reloads that do not change the account."""

    _accounts: dict[tuple[str, Account], AccountUsage] = field(default_factory=dict, repr=False)
    """By holder of the limits and account."""

    def shortage(self, groups: Sequence[LimitGroup], tokens: int, now: float) -> Shortage | None:
        """Return the limit that leaves no room for an attempt for the longest time, or None if there is room."""
        found = [
            Shortage(group.holder, name, wait_s)
            for group in groups
            if (account := self._accounts.get(group.key)) is not None
            for wait_s, name in account.waits(group.limits, tokens, now)
            if wait_s > 0
        ]
        return max(found, key=lambda each: each.wait_s, default=None)

    def reserve(self, groups: Sequence[LimitGroup], tokens: int, now: float) -> Reservation:
        """Take what an attempt needs of these limits. Ask for a `shortage` first."""
        shares = [_Share(self._usage(group), group.limits, tokens) for group in groups]
        for share in shares:
            share.take(now)
        return Reservation(shares)

    def forget(self, is_outdated: Callable[[str], bool]) -> None:
        """Start the holders for which this holds with unused limits. Attempts in flight end at the old ones."""
        for key in [key for key in self._accounts if is_outdated(key[0])]:
            del self._accounts[key]

    def retain(self, limited: Mapping[str, Sequence[LimitGroup]]) -> None:
        """Forget what no limit of the file counts any more."""
        known = {group.key for groups in limited.values() for group in groups}
        self._accounts = {key: usage for key, usage in self._accounts.items() if key in known}

    def limited_for_ms(self, limited: Mapping[str, Sequence[LimitGroup]], now: float) -> dict[str, int]:
        """Return the holders of which every account is at a limit, with the milliseconds until there may be room."""
        return {holder: wait for holder, groups in limited.items() if (wait := self._wait_ms(groups, now))}

    def used_ratio(self, provider: Provider, now: float) -> float | None:
        """Return the used part of the limit that is used most, None without a limit. Of several accounts the mean."""
        limits = provider.limits
        if limits is None:
            return None
        accounts = [self._accounts.get((provider.name, account), AccountUsage()) for account in provider.accounts]
        ratios = [ratio for each in accounts if (ratio := each.used_ratio(limits, now)) is not None]
        return sum(ratios) / len(ratios) if ratios else None

    def _wait_ms(self, groups: Sequence[LimitGroup], now: float) -> int:
        shortages = [self.shortage((group,), 1, now) for group in groups]
        return min([ceil(each.wait_s * 1000) if each else 0 for each in shortages], default=0)

    def _usage(self, group: LimitGroup) -> AccountUsage:
        usage = self._accounts.get(group.key)
        if usage is None:
            usage = self._accounts[group.key] = AccountUsage()
        return usage
