"""Reads what is asked for, and decides who serves it."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.config.snapshot import targets_for_model
from proxy.errors import NoEligibleProviderError, ParrotError
from proxy.exchange import Exchange, Handler
from proxy.messages import Response, TransformedBody
from proxy.routing.annotate import StreamAnnotator, with_cost, with_routing
from proxy.routing.decision import decide
from proxy.routing.eligibility import unsupported_param
from proxy.routing.facts import parse_facts, parse_json_object
from proxy.routing.policy import effective_policy
from proxy.routing.routing_request import RoutingRequest
from proxy.routing.strategies import STRATEGIES
from proxy.telemetry.signals import Signals


@dataclass(frozen=True, slots=True)
class RoutingMiddleware:
    """Decides by the request's policy, and by `default` where it names no strategy."""

    default: str = "automatic"

    def __post_init__(self) -> None:
        if self.default not in STRATEGIES:
            raise ValueError(f"default: expected one of {', '.join(STRATEGIES)}")

    async def __call__(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        try:
            self._decide(exchange)
            response = await handler(exchange)
        except ParrotError as error:
            if exchange.policy.route_explain and exchange.decision.strategy:
                error.extra["routing"] = exchange.explain()
            raise
        if exchange.policy.session_id:
            _keep_session(exchange, exchange.policy.session_id)
        if exchange.policy.max_latency_ms is not None:
            _warn_of_latency(exchange, exchange.policy.max_latency_ms)
        _annotate(exchange, response)
        return response

    def routing_request(self, exchange: Exchange) -> RoutingRequest:
        """What the decision is asked."""
        region = exchange.snapshot.defaults.region
        return RoutingRequest(exchange.facts, exchange.policy, self.default, exchange.id, exchange.body, region)

    def _decide(self, exchange: Exchange) -> None:
        exchange.body = parse_json_object(exchange.raw)
        exchange.facts = parse_facts(exchange.endpoint, exchange.body)
        if "routing" in exchange.body:
            exchange.policy = effective_policy(exchange.body, exchange.control_headers, exchange.snapshot)
        request, cache = self.routing_request(exchange), exchange.runtime.decision_cache
        exchange.decision = decide(request, exchange.snapshot, signals(exchange), cache)
        if not exchange.decision.plan:
            targets_for_model(exchange.snapshot, exchange.facts.model)
            raise _no_eligible_provider(exchange)
        if exchange.decision.pick is not None:  # taken at once, as the next decision must see it
            exchange.runtime.round_robin.record(exchange.decision.pick)


def signals(exchange: Exchange) -> Signals:
    """What is known at this moment, the turns and the session's last target included."""
    runtime = exchange.runtime
    now = runtime.clock()
    session = exchange.policy.session_id
    sticky = runtime.affinity.get((exchange.identity, session), now) if session else None
    busy = runtime.rate_limits.limited_for_ms(exchange.snapshot.limited_providers, now)
    return Signals(
        runtime.signals.table_at(now), runtime.round_robin.picks, busy, sticky, runtime.observations.in_flight
    )


def _keep_session(exchange: Exchange, session: str) -> None:
    runtime = exchange.runtime
    if exchange.winning_attempt:
        runtime.affinity.put((exchange.identity, session), exchange.winning_attempt.step.target.id, runtime.clock())


def _warn_of_latency(exchange: Exchange, limit: float) -> None:
    """X-Max-Latency-Ms asks for no refusal, only for the truth: how long it was to the first content."""
    first = exchange.first_content_at
    if first is not None and (first - exchange.started) * 1000 > limit:
        exchange.warnings.append(f"max-latency-missed;ms={round((first - exchange.started) * 1000)}")


def _annotate(exchange: Exchange, response: Response) -> None:
    """The answer gets its cost, where that is or may become known, and the decision, if it was asked for."""
    account = exchange.explain if exchange.policy.route_explain else None
    if isinstance(response.body, bytes):
        if (bill := exchange.total_cost()) is not None:
            response.body = with_cost(response.body, bill)
        if account is not None:
            response.body = with_routing(response.body, account())
    elif account is not None or exchange.facts.include_usage:
        response.body = TransformedBody(response.body, StreamAnnotator(exchange.total_cost, account))


def _no_eligible_provider(exchange: Exchange) -> NoEligibleProviderError:
    """Each provider with its first reason, a disabled one with what would enable it; `param` is the one to change, if any."""
    decision = exchange.decision
    reasons = {each.provider: each.reason for each in reversed(decision.excluded)}
    for name, reason in reasons.items():
        if reason == "disabled":
            reasons[name] = f"disabled, {exchange.snapshot.providers[name].disabled_reason}"
    listed = "; ".join(f"{name}: {reason}" for name, reason in sorted(reasons.items()))
    param = next(filter(None, (unsupported_param(each.reason) for each in decision.excluded)), "model")
    return NoEligibleProviderError(f"no provider may serve '{decision.model}': {listed}", param=param)
