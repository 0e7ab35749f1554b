"""Reads what is asked for, and decides who serves it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from proxy.errors import NoEligibleProvider, UnknownModel
from proxy.exchange import Exchange, Handler
from proxy.messages import Response
from proxy.routing.decision import Decision, decide
from proxy.routing.facts import Facts, facts, parsed
from proxy.routing.policy import asked_in_body, parse
from proxy.routing.question import Question
from proxy.routing.strategies import STRATEGIES
from proxy.telemetry.signals import Signals


@dataclass(frozen=True, slots=True)
class StrategyChoice:
    """Decides by the request's policy, and by `default` where it names no strategy."""

    default: str = "automatic"

    def __post_init__(self) -> None:
        if self.default not in STRATEGIES:
            raise ValueError(f"no strategy '{self.default}'; known: {', '.join(STRATEGIES)}")

    async def __call__(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        exchange.body = parsed(exchange.raw)
        asked = facts(exchange.endpoint, exchange.body)
        exchange.facts = asked
        _read_routing(exchange)
        exchange.decision = self._decision(exchange, asked)
        _record_turn(exchange)
        response = await handler(exchange)
        _keep_session(exchange)
        _warn_of_latency(exchange)
        return response

    def question(self, exchange: Exchange) -> Question:
        """What the decision is asked."""
        region = exchange.snapshot.defaults.region
        return Question(exchange.facts, exchange.policy, self.default, exchange.id, exchange.body, region)

    def _decision(self, exchange: Exchange, asked: Facts) -> Decision:
        if not exchange.snapshot.targets(asked.model):
            raise _unknown(exchange, asked.model)
        decision = decide(self.question(exchange), exchange.snapshot, signals(exchange))
        if not decision.steps:
            raise _nobody(exchange, decision)
        return decision


def signals(exchange: Exchange) -> Signals:
    """What is known at this moment, the turns and the session's last target included."""
    services = exchange.services
    now = services.clock()
    session = exchange.policy.session_id
    sticky = services.affinity.of((exchange.identity, session), now) if session else None
    return replace(services.board.at(now), picks=services.turns.picks, sticky=sticky)


def _record_turn(exchange: Exchange) -> None:
    """A turn is taken by the decision, at once: the next one must see it. Nothing is awaited in between."""
    if exchange.decision.turn is not None:
        exchange.services.turns.take(exchange.decision.turn)


def _keep_session(exchange: Exchange) -> None:
    session, services = exchange.policy.session_id, exchange.services
    if session and exchange.serving:
        services.affinity.keep((exchange.identity, session), exchange.serving.step.target.id, services.clock())


def _warn_of_latency(exchange: Exchange) -> None:
    """X-Max-Latency-Ms asks for no refusal, only for the truth: how long it was to the first content."""
    limit, first = exchange.policy.max_latency_ms, exchange.first_content
    if limit is not None and first is not None and (first - exchange.started) * 1000 > limit:
        exchange.warnings.append(f"max-latency-missed;ms={round((first - exchange.started) * 1000)}")


def _read_routing(exchange: Exchange) -> None:
    """The body's `routing` says what headers could have said; where both speak, the header holds."""
    routing = exchange.body.get("routing")
    if routing is not None:
        asked = {**asked_in_body(routing), **exchange.asked}
        exchange.policy = parse(asked, exchange.snapshot)


def _unknown(exchange: Exchange, model: str) -> UnknownModel:
    near = exchange.snapshot.near(model)
    hint = f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
    return UnknownModel(f"no model '{model[:256]}' in the routing table{hint}", param="model")


def _nobody(exchange: Exchange, decision: Decision) -> NoEligibleProvider:
    """Each provider with its first reason; a disabled one with what would enable it."""
    reasons = {each.provider: each.reason for each in reversed(decision.excluded)}
    for name, reason in reasons.items():
        if reason == "disabled":
            reasons[name] = f"disabled, {exchange.snapshot.providers[name].disabled}"
    listed = "; ".join(f"{name}: {reason}" for name, reason in sorted(reasons.items()))
    return NoEligibleProvider(f"no provider may serve '{decision.model}': {listed}", param="model")
