"""What an attempt needs to start: a key of its provider's pool, and room within the configured limits."""

from __future__ import annotations

from math import ceil

from msgspec.structs import replace

from proxy.config.key_pool import PoolKey
from proxy.config.snapshot import LimitGroup, Provider
from proxy.exchange import Attempt, Exchange
from proxy.resilience.rate_limits import NOT_LIMITED, Reservation, Shortage, limit_groups
from proxy.resilience.resume import BYTES_PER_TOKEN
from proxy.routing.decision import PlannedTarget

MAX_LEARNED_TOKENS = 4096
"""At most that many tokens are assumed for an answer whose length the caller does not limit."""


def try_reserve(exchange: Exchange, step: PlannedTarget) -> Reservation | Shortage:
    """Take what an attempt at a target needs, or return the limit that leaves no room for it, with any key."""
    target = step.target
    if target.provider.pool is not None:
        return _reserve_with_key(exchange, step, target.provider)
    if target.provider.limits is None and target.limits is None:
        return NOT_LIMITED
    return _reserve(exchange, step, None)


def find_shortage(exchange: Exchange, step: PlannedTarget) -> Shortage | None:
    """Return the limit that leaves no room for an attempt at a target now, or None if there is room.

    Of a pool only the keys count that do not cool down, unless all do.
    """
    provider = step.target.provider
    if provider.limits is None and step.target.limits is None:
        return None
    if provider.pool is None:
        return _shortage(exchange, step, None)
    pools, now = exchange.runtime.resilience.key_pools, exchange.runtime.clock()
    keys = provider.pool.keys
    available = [key for key in keys if not pools.cooling_for_s(provider.name, key, now)]
    found = [_shortage(exchange, step, key) for key in available or keys]
    return None if None in found else min(filter(None, found), key=_wait_s)


def has_room(exchange: Exchange, step: PlannedTarget, key: PoolKey) -> bool:
    """Return whether there is room for an attempt with that key of the pool."""
    return _shortage(exchange, step, key) is None


def _reserve_with_key(exchange: Exchange, step: PlannedTarget, provider: Provider) -> Reservation | Shortage:
    """Reserve with the best key that has room."""
    pools, shortages = exchange.runtime.resilience.key_pools, list[Shortage]()
    for key in _usable_keys(exchange, pools.order(provider, exchange.runtime.clock())):
        reserved = _reserve(exchange, step, key)
        if isinstance(reserved, Reservation):
            pools.mark_used(provider.name, key)
            return reserved
        shortages.append(reserved)
    return min(shortages, key=_wait_s)


def _usable_keys(exchange: Exchange, keys: list[PoolKey]) -> list[PoolKey]:
    """Return the key that holds what the request goes on from, all of them if it goes on from nothing or the key is gone."""
    continuation = exchange.continuation
    if continuation is None or continuation.holder is None:
        return keys
    return [key for key in keys if key.label == continuation.holder.key] or keys


def _reserve(exchange: Exchange, step: PlannedTarget, key: PoolKey | None) -> Reservation | Shortage:
    groups, runtime = _groups(step, key), exchange.runtime
    now, tokens = runtime.clock(), needed_tokens(exchange, step) if groups else 0
    if (shortage := runtime.resilience.rate_limits.shortage(groups, tokens, now)) is not None:
        return shortage
    return replace(runtime.resilience.rate_limits.reserve(groups, tokens, now), key=key)


def _shortage(exchange: Exchange, step: PlannedTarget, key: PoolKey | None) -> Shortage | None:
    groups, runtime = _groups(step, key), exchange.runtime
    return (
        runtime.resilience.rate_limits.shortage(groups, needed_tokens(exchange, step), runtime.clock())
        if groups
        else None
    )


def _groups(step: PlannedTarget, key: PoolKey | None) -> list[LimitGroup]:
    return limit_groups(step.target, key.account if key else None)


def _wait_s(shortage: Shortage) -> float:
    return shortage.wait_s


def needed_tokens(exchange: Exchange, step: PlannedTarget) -> int:
    """Estimate the tokens of an attempt: its prompt, and the answer's maximum, or else the mean of the target's answers."""
    facts, record = exchange.facts, exchange.runtime.telemetry.observations.get(step.target.id)
    limit = facts.max_tokens if step.max_tokens is None else step.max_tokens
    if limit is not None:
        return _prompt_tokens(exchange, step) + limit * facts.billed_choices
    mean = record.completion_tokens.mean if record else None
    return _prompt_tokens(exchange, step) + ceil(min(mean or 0, MAX_LEARNED_TOKENS))


def used_tokens(attempt: Attempt) -> int:
    """Return the tokens that an attempt has used: as the provider counts them, else its prompt and the received text.

    An attempt that failed before its first content has used none.
    """
    completion = attempt.completion
    if (total := completion.token_count("total_tokens")) is not None:
        return total
    counts = [completion.token_count(name) for name in ("prompt_tokens", "completion_tokens")]
    if any(count is not None for count in counts):
        return sum(count or 0 for count in counts)
    if attempt.first_content_at is None and attempt.outcome not in ("hedge_lost", "cancelled"):
        return 0
    return _prompt_tokens(attempt.exchange, attempt.step) + ceil(completion.length / BYTES_PER_TOKEN)


def _prompt_tokens(exchange: Exchange, step: PlannedTarget) -> int:
    record = exchange.runtime.telemetry.observations.get(step.target.id)
    return ceil(exchange.facts.prompt_tokens * (record.token_ratio if record else 1.0))
