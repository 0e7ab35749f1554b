"""What a request's attempts have cost so far, and what a further one may cost under the request's ceiling."""

from __future__ import annotations

from msgspec import structs

from proxy.exchange import Attempt, Exchange
from proxy.resilience.resume import BYTES_PER_TOKEN
from proxy.routing import cost_ceiling
from proxy.routing.decision import PlannedTarget


def clamp_to_ceiling(step: PlannedTarget, exchange: Exchange) -> PlannedTarget | None:
    """The place with its answer cut to what is left of the ceiling; None if not even that fits."""
    ceiling = exchange.policy.max_cost_per_request
    if ceiling is None:
        return step
    target = step.target
    signal = exchange.runtime.signals.table_at(exchange.runtime.clock()).get(target.id)
    fit = cost_ceiling.fit(target, exchange.facts, signal, ceiling - cost_so_far_usd(exchange))
    return structs.replace(step, max_tokens=fit.max_tokens) if fit else None


def cost_so_far_usd(exchange: Exchange) -> float:
    """USD of the attempts so far."""
    return sum(map(_attempt_cost_usd, exchange.attempts))


def _attempt_cost_usd(attempt: Attempt) -> float:
    """What is known; at worst while it runs; of an answer that was cut, what came of it."""
    known, exchange, target = attempt.cost(), attempt.exchange, attempt.step.target
    if known is not None or target.price is None:
        return known or 0.0
    signal = exchange.runtime.signals.table_at(exchange.runtime.clock()).get(target.id)
    if attempt.ended is None:
        facts = structs.replace(exchange.facts, max_tokens=attempt.step.max_tokens or exchange.facts.max_tokens)
        return cost_ceiling.worst_case_usd(target, facts, signal) or 0.0
    if attempt.first_content_at is None and attempt.outcome != "hedge_lost":
        return 0.0
    said = -(-attempt.completion.length // BYTES_PER_TOKEN)
    return target.price.cost(cost_ceiling.calibrated_prompt_tokens(exchange.facts, signal), said)
