"""Reads what is asked for, and decides who serves it."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.errors import NoEligibleProvider, ParrotError
from proxy.exchange import Exchange, Handler
from proxy.messages import Response, Staged
from proxy.routing.annotate import Annotations, with_cost, with_routing
from proxy.routing.asking import heard, serving
from proxy.routing.decision import decide
from proxy.routing.eligibility import unsupported_param
from proxy.routing.facts import facts, parsed
from proxy.routing.question import Question
from proxy.routing.strategies import STRATEGIES
from proxy.telemetry.signals import Signals


@dataclass(frozen=True, slots=True)
class StrategyChoice:
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
                error.extra["routing"] = exchange.account()
            raise
        if exchange.policy.session_id:
            _keep_session(exchange, exchange.policy.session_id)
        if exchange.policy.max_latency_ms is not None:
            _warn_of_latency(exchange, exchange.policy.max_latency_ms)
        _annotate(exchange, response)
        return response

    def question(self, exchange: Exchange) -> Question:
        """What the decision is asked."""
        region = exchange.snapshot.defaults.region
        return Question(exchange.facts, exchange.policy, self.default, exchange.id, exchange.body, region)

    def _decide(self, exchange: Exchange) -> None:
        exchange.body = parsed(exchange.raw)
        exchange.facts = facts(exchange.endpoint, exchange.body)
        if "routing" in exchange.body:
            exchange.policy = heard(exchange.body, exchange.asked, exchange.snapshot)
        exchange.decision = decide(self.question(exchange), exchange.snapshot, signals(exchange))
        if not exchange.decision.steps:
            serving(exchange.snapshot, exchange.facts.model)
            raise _nobody(exchange)
        if exchange.decision.turn is not None:  # taken at once, as the next decision must see it
            exchange.services.turns.take(exchange.decision.turn)


def signals(exchange: Exchange) -> Signals:
    """What is known at this moment, the turns and the session's last target included."""
    services = exchange.services
    now = services.clock()
    session = exchange.policy.session_id
    sticky = services.affinity.of((exchange.identity, session), now) if session else None
    busy = services.usage.busy(exchange.snapshot.limited, now)
    return Signals(services.board.at(now), services.turns.picks, busy, sticky, services.observations.in_flight)


def _keep_session(exchange: Exchange, session: str) -> None:
    services = exchange.services
    if exchange.serving:
        services.affinity.keep((exchange.identity, session), exchange.serving.step.target.id, services.clock())


def _warn_of_latency(exchange: Exchange, limit: float) -> None:
    """X-Max-Latency-Ms asks for no refusal, only for the truth: how long it was to the first content."""
    first = exchange.first_content
    if first is not None and (first - exchange.started) * 1000 > limit:
        exchange.warnings.append(f"max-latency-missed;ms={round((first - exchange.started) * 1000)}")


def _annotate(exchange: Exchange, response: Response) -> None:
    """The answer gets its cost, where that is or may become known, and the decision, if it was asked for."""
    account = exchange.account if exchange.policy.route_explain else None
    if isinstance(response.body, bytes):
        if (bill := exchange.bill()) is not None:
            response.body = with_cost(response.body, bill)
        if account is not None:
            response.body = with_routing(response.body, account())
    elif account is not None or exchange.facts.show_usage:
        response.body = Staged(response.body, Annotations(exchange.bill, account))


def _nobody(exchange: Exchange) -> NoEligibleProvider:
    """Each provider with its first reason, a disabled one with what would enable it; `param` is the one to change, if any."""
    decision = exchange.decision
    reasons = {each.provider: each.reason for each in reversed(decision.excluded)}
    for name, reason in reasons.items():
        if reason == "disabled":
            reasons[name] = f"disabled, {exchange.snapshot.providers[name].disabled}"
    listed = "; ".join(f"{name}: {reason}" for name, reason in sorted(reasons.items()))
    param = next(filter(None, (unsupported_param(each.reason) for each in decision.excluded)), "model")
    return NoEligibleProvider(f"no provider may serve '{decision.model}': {listed}", param=param)
