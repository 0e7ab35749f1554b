"""Makes the routing decision, and annotates the response with what came of it."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from proxy.attempts.passed_form import allow_one_attempt
from proxy.attempts.resource_ids import find_unknown_resource, keep_resource, place_resource, resolve_resource
from proxy.attempts.response_ids import (
    ENDPOINTS_WITH_IDS,
    apply_decision,
    find_unknown,
    keep_response,
    resolve_previous,
)
from proxy.config.json_schema import VARIABLE, words
from proxy.config.plain_values import NO_POLICY
from proxy.config.snapshot import targets_for_model
from proxy.errors import InvalidRequestError, NoEligibleProviderError, ParrotError
from proxy.exchange import Exchange
from proxy.messages import Response
from proxy.resilience.refusal_memory import NOTHING_REFUSED
from proxy.routing.annotate import StreamAnnotator, with_cost, with_routing
from proxy.routing.client_request import read_request, with_known_model
from proxy.routing.decision import decide
from proxy.routing.eligibility import unsupported_param
from proxy.routing.native import UNSUPPORTED_FEATURE
from proxy.routing.policy import all_control_headers
from proxy.routing.policy_levels import conflict_text, policy_for, reason_levels
from proxy.routing.routing_request import RoutingRequest
from proxy.routing.strategies import STRATEGIES
from proxy.telemetry.signals import Signals


@dataclass(frozen=True, slots=True)
class RoutingMiddleware:
    """Decides by the request's policy, and by `default` where it names no strategy."""

    default: Annotated[str, Meta(extra_json_schema={"anyOf": [words(*STRATEGIES), VARIABLE]})] = "automatic"
    """Strategy of requests that do not name one."""

    def __post_init__(self) -> None:
        if self.default not in STRATEGIES:
            raise ValueError(f"default: expected one of {', '.join(STRATEGIES)}")

    def before(self, exchange: Exchange) -> Awaitable[None] | None:
        """Parse the body and decide. Raises InvalidRequestError, ModelNotFoundError and NoEligibleProviderError.

        Returns what to wait for if the request goes on from a response of which nothing is known here.
        """
        try:
            self._decide(exchange)
        except ParrotError as error:
            _explain(exchange, error)
            raise
        is_known = exchange.continuation is None or not exchange.continuation.unknown
        return None if is_known else _find_unknown(exchange)

    def after(self, exchange: Exchange, response: Response) -> None:
        """Keep the session's target, and add cost and explanation to the response."""
        if response.error is not None:
            _explain(exchange, response.error)
            return
        if exchange.policy.session_id:
            _keep_session(exchange, exchange.policy.session_id)
        if exchange.policy.max_latency_ms is not None:
            _warn_of_latency(exchange, exchange.policy.max_latency_ms)
        if exchange.resource is not None:
            keep_resource(exchange, exchange.resource, response)
        elif exchange.continuation is not None:
            keep_response(exchange, response)
        _annotate(exchange, response)

    def _decide(self, exchange: Exchange) -> None:
        if exchange.endpoint in ENDPOINTS_WITH_IDS:
            resolve_previous(exchange)
        resource = exchange.resource
        body = exchange.body
        read = read_request(exchange.endpoint, body)
        facts = read.facts if body.get("model") else with_known_model(read.facts, body, exchange.snapshot)
        exchange.facts = facts
        if read.hub is not None:
            exchange.keep_hub(read.hub)
        if "routing" in body or exchange.snapshot.has_policies or exchange.identity.policy is not NO_POLICY:
            headers = all_control_headers(body, exchange.control_headers)
            key = exchange.identity.policy
            exchange.policy = policy_for(exchange.facts.model, headers, exchange.snapshot, key=key)
        if exchange.form is not None:
            allow_one_attempt(exchange)
        if resource is not None:
            resolve_resource(exchange, resource)
        snapshot = exchange.snapshot
        request = RoutingRequest(
            facts, exchange.policy, snapshot.default_strategy, exchange.id, read.params, snapshot.defaults.region
        )
        exchange.decision = decide(request, snapshot, signals(exchange), exchange.runtime.routing.decision_cache)
        if not exchange.decision.plan:
            targets_for_model(exchange.snapshot, exchange.facts.model)
            raise _refusal(exchange, read.failure)
        if resource is not None:
            place_resource(exchange)
        elif exchange.continuation is not None and not exchange.continuation.unknown:
            apply_decision(exchange)
        if exchange.decision.warnings:
            exchange.warnings.extend(exchange.decision.warnings)
        if exchange.decision.pick is not None:  # recorded at once, as the next decision must see it
            exchange.runtime.routing.round_robin.record(exchange.decision.pick)


async def _find_unknown(exchange: Exchange) -> None:
    try:
        if exchange.resource is not None:
            await find_unknown_resource(exchange, exchange.resource)
        else:
            await find_unknown(exchange)
    except ParrotError as error:
        _explain(exchange, error)
        raise


def signals(exchange: Exchange) -> Signals:
    """Return what the decision reads of the present: health, balancing, limits and the session's last target."""
    runtime = exchange.runtime
    now = runtime.clock()
    session = exchange.policy.session_id
    sticky = runtime.routing.affinity.get((exchange.identity.name, session), now) if session else None
    limited = exchange.snapshot.limited
    busy = runtime.resilience.rate_limits.limited_for_ms(limited, now) if limited else {}
    refused = (
        runtime.resilience.refused_members.at(now) if runtime.resilience.refused_members.current else NOTHING_REFUSED
    )
    return Signals(
        runtime.routing.signals.table_at(now),
        runtime.routing.round_robin.picks,
        busy,
        refused,
        sticky,
        runtime.telemetry.observations.in_flight,
    )


def _keep_session(exchange: Exchange, session: str) -> None:
    runtime = exchange.runtime
    # Where the headers go out early no attempt has won: then it is the one in progress.
    if (attempt := exchange.winning_attempt or next(reversed(exchange.attempts), None)) is not None:
        runtime.routing.affinity.put((exchange.identity.name, session), attempt.step.target.id, runtime.clock())


def _warn_of_latency(exchange: Exchange, limit: float) -> None:
    """Warn where the first content came later than X-Max-Latency-Ms, which refuses nothing."""
    first = exchange.first_content_at
    if first is not None and (first - exchange.started) * 1000 > limit:
        exchange.warnings.append(f"max-latency-missed;ms={round((first - exchange.started) * 1000)}")


def _annotate(exchange: Exchange, response: Response) -> None:
    """Add the cost where it is or may become known, and the explanation if the request asks for it."""
    explain = exchange.explain if exchange.policy.route_explain else None
    if response.body is None:
        shows_cost = _shows_cost_in_stream(exchange)
        if explain is not None or shows_cost:
            total_cost = exchange.total_cost if shows_cost else _no_cost
            response.transforms.append(StreamAnnotator(total_cost, explain, exchange.client_format.closing))
        return
    if (cost := exchange.total_cost()) is not None and exchange.client_format.shows_cost:
        response.body = with_cost(response.body, cost)
    if explain is not None:
        response.body = with_routing(response.body, explain())


def _shows_cost_in_stream(exchange: Exchange) -> bool:
    """Return whether the stream has usage with the cost in it: where a chat asks for usage, and in what is translated."""
    winner = exchange.winning_attempt
    is_translated = winner is not None and winner.is_translated
    return exchange.facts.include_usage or (is_translated and exchange.client_format.shows_cost)


def _no_cost() -> None:
    """Return no cost: the caller's format has no place for it."""


def _explain(exchange: Exchange, error: ParrotError) -> None:
    if exchange.policy.route_explain and exchange.decision.strategy:
        error.extra["routing"] = exchange.explain()


def _refusal(exchange: Exchange, failure: InvalidRequestError | None) -> InvalidRequestError:
    """Return the error of a request that no provider may serve.

    `failure` is why it has no translation, None if it has one. It is the whole error if there is no other reason.
    """
    reasons = (each.reason for each in exchange.decision.excluded)
    is_unknown = failure is not None and failure.status == 404  # what it refers to, wherever it is
    if failure is not None and (is_unknown or all(reason.startswith(UNSUPPORTED_FEATURE) for reason in reasons)):
        return failure
    error = _no_eligible_provider(exchange)
    if failure is None:
        return error
    return NoEligibleProviderError(f"{error.message}. {failure.message}", param=failure.param)


def _no_eligible_provider(exchange: Exchange) -> NoEligibleProviderError:
    """Return the error with each provider's first reason. `param` is the parameter to change, if there is one.

    Reasons that a policy of the file has a part in are followed by the levels they come from.
    """
    decision, policy = exchange.decision, exchange.policy
    if policy.conflicts:
        text = f"no provider may serve '{decision.model}': its policies contradict each other: {conflict_text(policy)}"
        return NoEligibleProviderError(text, param="model")
    reasons = {each.provider: each.reason for each in reversed(decision.excluded)}
    for name, reason in reasons.items():
        if reason == "disabled":
            reasons[name] = f"disabled, {exchange.snapshot.providers[name].disabled_reason}"
        elif levels := reason_levels(policy, reason):
            reasons[name] = f"{reason} ({', '.join(levels)})"
    what = f"'{decision.model}'" if decision.model else "a request without a model"
    listed = "; ".join(f"{name}: {reason}" for name, reason in sorted(reasons.items()))
    param = next(filter(None, (unsupported_param(each.reason) for each in decision.excluded)), "model")
    return NoEligibleProviderError(f"no provider may serve {what}: {listed}", param=param)
