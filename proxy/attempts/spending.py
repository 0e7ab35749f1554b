"""What a request's attempts have cost so far, and what a further one may cost under the request's ceiling."""

from __future__ import annotations

from msgspec import structs

from proxy.exchange import Attempt, Exchange
from proxy.resilience.resume import BYTES_PER_TOKEN
from proxy.routing import costs
from proxy.routing.decision import Step


def fitted(step: Step, exchange: Exchange) -> Step | None:
    """The place with its answer cut to what is left of the ceiling; None if not even that fits."""
    ceiling = exchange.policy.max_cost_per_request
    if ceiling is None:
        return step
    target = step.target
    signal = exchange.services.board.at(exchange.services.clock()).of(target.id)
    fit = costs.fit(target, exchange.facts, signal, ceiling - spent(exchange))
    return structs.replace(step, max_tokens=fit.max_tokens) if fit else None


def spent(exchange: Exchange) -> float:
    """USD of the attempts so far."""
    return sum(map(_of, exchange.attempts))


def _of(attempt: Attempt) -> float:
    """What is known; at worst while it runs; of an answer that was cut, what came of it."""
    known, exchange, target = attempt.cost(), attempt.exchange, attempt.step.target
    if known is not None or target.price is None:
        return known or 0.0
    signal = exchange.services.board.at(exchange.services.clock()).of(target.id)
    if attempt.ended is None:
        facts = structs.replace(exchange.facts, max_tokens=attempt.step.max_tokens or exchange.facts.max_tokens)
        return costs.worst(target, facts, signal) or 0.0
    if attempt.content is None and attempt.outcome != "outrun":
        return 0.0
    said = -(-attempt.answer.length // BYTES_PER_TOKEN)
    return target.price.of(costs.prompt_tokens(exchange.facts, signal), said)
