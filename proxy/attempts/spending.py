"""What a request's attempts have cost so far, so that further attempts stay under the request's cost ceiling."""

from __future__ import annotations

from msgspec import structs

from proxy.exchange import Attempt, Exchange
from proxy.resilience.resume import BYTES_PER_TOKEN
from proxy.routing.cost_ceiling import CostCeiling, calibrated_prompt_tokens, worst_case_usd
from proxy.routing.decision import PlannedTarget


def clamp_to_ceiling(step: PlannedTarget, exchange: Exchange) -> PlannedTarget | None:
    """Return the target clamped to what the attempts so far leave of the ceiling, or None if it does not fit."""
    ceiling = exchange.policy.max_cost_per_request
    if ceiling is None:
        return step
    target = step.target
    signal = exchange.runtime.routing.signals.table_at(exchange.runtime.clock()).get(target.id)
    admission = CostCeiling(exchange.facts, ceiling - cost_so_far_usd(exchange)).check(target, signal)
    return None if admission.exclusion else structs.replace(step, max_tokens=admission.max_tokens)


def cost_so_far_usd(exchange: Exchange) -> float:
    """Return the USD of the attempts so far, running ones included."""
    return sum(map(attempt_cost_usd, exchange.attempts))


def attempt_cost_usd(attempt: Attempt) -> float:
    """Return the known cost of an attempt, or an estimate.

    A running attempt counts with its worst case. One that failed after its first content, or lost to a hedge, counts with
    its prompt and the text received. One that failed before counts as 0.
    """
    known, exchange, target = attempt.cost(), attempt.exchange, attempt.step.target
    if known is not None or target.price is None:
        return known or 0.0
    signal = exchange.runtime.routing.signals.table_at(exchange.runtime.clock()).get(target.id)
    if attempt.ended is None:
        facts = structs.replace(exchange.facts, max_tokens=attempt.step.max_tokens or exchange.facts.max_tokens)
        return worst_case_usd(target, facts, signal) or 0.0
    if attempt.first_content_at is None and attempt.outcome != "hedge_lost":
        return 0.0
    return target.price.cost(calibrated_prompt_tokens(exchange.facts, signal), _received_tokens(attempt))


def tokens_used(attempt: Attempt) -> dict[str, int]:
    """Return the tokens of an attempt by the members of `usage`: as its provider counted them, else an estimate."""
    exchange, completion = attempt.exchange, attempt.completion
    prompt, answer = completion.token_count("prompt_tokens"), completion.token_count("completion_tokens")
    if prompt is None:
        signal = exchange.runtime.routing.signals.table_at(exchange.runtime.clock()).get(attempt.step.target.id)
        prompt = calibrated_prompt_tokens(exchange.facts, signal)
    answer = _received_tokens(attempt) if answer is None else answer
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def _received_tokens(attempt: Attempt) -> int:
    return -(-attempt.completion.length // BYTES_PER_TOKEN)
