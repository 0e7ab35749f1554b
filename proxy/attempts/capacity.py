"""What an attempt needs of the configured limits: estimated before it starts, and known at its end."""

from __future__ import annotations

from math import ceil

from proxy.exchange import Attempt, Exchange
from proxy.resilience.rate_limits import NOT_LIMITED, Reservation, Shortage, limit_groups
from proxy.resilience.resume import BYTES_PER_TOKEN
from proxy.routing.decision import PlannedTarget

MAX_LEARNED_TOKENS = 4096
"""At most that many tokens are assumed for an answer whose length the caller does not limit."""


def try_reserve(exchange: Exchange, step: PlannedTarget) -> Reservation | Shortage:
    """Take what an attempt at a target needs of its limits, or return the limit that leaves no room for it."""
    target, runtime = step.target, exchange.runtime
    if target.provider.limits is None and target.limits is None:
        return NOT_LIMITED
    groups, now, tokens = limit_groups(target), runtime.clock(), needed_tokens(exchange, step)
    return runtime.rate_limits.shortage(groups, tokens, now) or runtime.rate_limits.reserve(groups, tokens, now)


def find_shortage(exchange: Exchange, step: PlannedTarget) -> Shortage | None:
    """Return the limit that leaves no room for an attempt at a target now, or None if there is room."""
    target, runtime = step.target, exchange.runtime
    if target.provider.limits is None and target.limits is None:
        return None
    return runtime.rate_limits.shortage(limit_groups(target), needed_tokens(exchange, step), runtime.clock())


def needed_tokens(exchange: Exchange, step: PlannedTarget) -> int:
    """Estimate the tokens of an attempt: its prompt, and the answer's maximum, or else the mean of the target's answers."""
    facts, record = exchange.facts, exchange.runtime.observations.get(step.target.id)
    limit = facts.max_tokens if step.max_tokens is None else step.max_tokens
    if limit is not None:
        return _prompt_tokens(exchange, step) + limit * facts.n
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
    record = exchange.runtime.observations.get(step.target.id)
    return ceil(exchange.facts.prompt_tokens * (record.token_ratio if record else 1.0))
