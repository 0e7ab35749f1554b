"""The order of the plan: what is asked for stands above what is reckoned, and who is available above who is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from proxy.routing.policy import Policy
from proxy.routing.question import Question
from proxy.routing.strategies import Candidate


def ordered(
    question: Question, candidates: Sequence[Candidate], scores: Mapping[str, float], first: str | None
) -> list[Candidate]:
    """Available before the rest, then chains, then whoever is due (a provider by turn, a target by affinity), then scores."""
    ranked = sorted(candidates, key=lambda each: _rank(each, question, scores))
    if asked := chain(question.policy):
        ranked = _chained(ranked, asked)
    elif first is not None:
        ranked = _led(ranked, first)
    ranked.sort(key=lambda each: each.signal.available_in_ms > 0)
    return ranked


def chain(policy: Policy) -> tuple[str, ...]:
    """The providers that stand first in an order of the caller's own."""
    if policy.failover_config is not None:
        return policy.failover_config.providers
    return policy.provider_fallbacks or policy.provider_preference


def _rank(candidate: Candidate, question: Question, scores: Mapping[str, float]) -> tuple[bool, float, float]:
    """Those within the latency asked for first; then the strategy; ties by observed latency."""
    latency = _latency(candidate, question)
    limit = question.policy.max_latency_ms
    return (limit is not None and latency is not None and latency > limit, scores[candidate.target.id], latency or inf)


def _latency(candidate: Candidate, question: Question) -> float | None:
    measured = candidate.signal.performance
    return (measured.ttft_ms if question.facts.stream else measured.latency_ms).p50


def _chained(ranked: Sequence[Candidate], chain: Sequence[str]) -> list[Candidate]:
    """The best target of each provider of the chain, then the chain's further regions, then everybody else."""
    best: dict[str, Candidate] = {}
    further: list[Candidate] = []
    others: list[Candidate] = []
    for each in ranked:
        name = each.target.provider.name
        if name not in chain:
            others.append(each)
        elif name in best:
            further.append(each)
        else:
            best[name] = each
    further.sort(key=lambda each: chain.index(each.target.provider.name))
    return [best[name] for name in chain if name in best] + further + others


def _led(ranked: Sequence[Candidate], first: str) -> list[Candidate]:
    """The target of that id, or the least busy of that provider's nearest, ahead of the others."""
    due = [each for each in ranked if first in (each.target.id, each.target.provider.name)]
    lead = next(iter(due), None)
    return [each for each in ranked if each is lead] + [each for each in ranked if each is not lead]
