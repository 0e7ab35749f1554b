"""The request is parsed once, its policy combined, and a plan made or refused with reasons."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.attempts import outcomes
from proxy.attempts.events import ContentReceived
from proxy.config.snapshot import Snapshot
from proxy.errors import (
    ConnectError,
    InvalidHeaderError,
    InvalidRequestError,
    ModelNotFoundError,
    NoEligibleProviderError,
    ParrotError,
)
from proxy.exchange import Exchange
from proxy.messages import Response
from proxy.middleware.header_policy import HeaderPolicy
from proxy.middleware.strategy import RoutingMiddleware
from proxy.resilience.breaker import BreakerSettings
from proxy.routing.annotate import StreamAnnotator
from proxy.runtime import Runtime
from proxy.sidecar_headers import sidecar_headers
from tests.fakes import BODY, exchange, generation, request, routing_yaml, start_attempt


def one_request(
    members: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    runtime: Runtime | None = None,
    snap: Snapshot | None = None,
) -> Exchange:
    """Return an exchange with more members in its body."""
    one = exchange(request(headers), raw=orjson.dumps({**BODY, **(members or {})}), snap=snap)
    one.runtime = runtime or one.runtime
    return one


def decide(one: Exchange) -> Exchange:
    """Run the `before` phases up to the decision."""
    HeaderPolicy().before(one)
    RoutingMiddleware().before(one)
    return one


def order(one: Exchange) -> str:
    """Return the providers of the plan."""
    return "".join(step.target.provider.name for step in one.decision.plan)


def test_every_provider_of_the_model_is_planned() -> None:
    one = decide(one_request({"stream": True}))
    assert sorted(order(one)) == ["a", "b", "c"]
    assert (one.facts.model, one.facts.stream, one.decision.strategy) == ("m", True, "automatic")


@pytest.mark.parametrize(
    ("headers", "members", "expected"),
    [
        ({"X-Provider-Fallbacks": "c,a"}, {}, "ca"),
        ({}, {"routing": {"provider_fallbacks": ["b", "a"]}}, "ba"),
        ({}, {"routing": {"provider_fallbacks": "b,a"}}, "ba"),
        ({"X-Provider": "c"}, {"routing": {"provider": "a"}}, "c"),
        ({"X-Provider-Fallbacks": "c,b"}, {"routing": {"provider": "b"}}, "b"),
    ],
)
def test_header_and_body_are_combined_and_the_header_wins(
    headers: dict[str, str], members: dict[str, Any], expected: str
) -> None:
    assert order(decide(one_request(members, headers))) == expected


def test_the_same_request_id_gives_the_same_plan() -> None:
    assert order(decide(one_request())) == order(decide(one_request()))


@pytest.mark.parametrize(
    ("members", "error", "status", "message"),
    [
        ({"model": "n"}, ModelNotFoundError, 404, "no model 'n' in the routing table"),
        ({"model": "mm"}, ModelNotFoundError, 404, "did you mean 'm'?"),
        ({"model": ""}, InvalidRequestError, 400, "'model' is missing or empty"),
        ({"messages": []}, InvalidRequestError, 400, "'messages' is missing or empty"),
        ({"stream": "yes"}, InvalidRequestError, 400, "'stream' must be a boolean"),
        ({"routing": []}, InvalidHeaderError, 400, "routing: expected an object"),
        ({"routing": {"providr": "a"}}, InvalidHeaderError, 400, "routing.providr: no such member"),
        ({"routing": {"provider": "z"}}, InvalidHeaderError, 400, "no provider 'z'"),
    ],
)
def test_a_body_that_cannot_be_routed_is_refused_with_the_reason(
    members: dict[str, Any], error: type[ParrotError], status: int, message: str
) -> None:
    with pytest.raises(error) as caught:
        decide(one_request(members))
    assert caught.value.status == status
    assert message in caught.value.message


@pytest.mark.parametrize(("raw", "code"), [(b"{", "invalid_json"), (b"[1]", "invalid_type"), (b"", "invalid_json")])
def test_a_body_that_is_not_a_json_object_is_a_400(raw: bytes, code: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        decide(exchange(raw=raw))
    assert (caught.value.status, caught.value.code) == (400, code)


def test_without_an_eligible_provider_the_error_has_the_reason_of_each() -> None:
    file = routing_yaml().replace("canary-of-the-provider", '"${A_KEY}"', 1) + "  only-a: {a: x, c: x}\n"
    with pytest.raises(NoEligibleProviderError) as caught:
        decide(one_request({"model": "only-a"}, {"X-Provider": "b"}, snap=generation(file).snapshot))
    assert caught.value.status == 400
    assert caught.value.message == (
        "no provider may serve 'only-a': a: disabled, A_KEY is not set; b: model_not_served; c: not_in_provider"
    )


def test_round_robin_state_is_recorded_by_each_decision() -> None:
    runtime, first = exchange().runtime, []
    for _ in range(6):
        one = decide(one_request(headers={"X-Load-Balance-Strategy": "round-robin"}, runtime=runtime))
        first.append(order(one)[0])
    assert first == ["a", "b", "c"] * 2


# The way out.


def respond(one: Exchange, response: Response | None = None, *, served_by: str = "") -> Response:
    """Run the `after` phase, after an attempt at that provider has won."""
    if served_by:
        one.decision = decision_for(one, served_by)
        outcomes.apply(start_attempt(one), ContentReceived(), BreakerSettings())
    response = response or Response(200, {}, b'{"a":1}')
    RoutingMiddleware().after(one, response)
    return response


def decision_for(one: Exchange, name: str) -> Any:
    """Return the exchange's decision with that provider alone."""
    plan = tuple(step for step in one.decision.plan if step.target.provider.name == name)
    return type(one.decision)(one.decision.model, one.decision.strategy, plan)


def in_session(runtime: Runtime, served_by: str, error: ParrotError | None = None) -> str:
    """Serve a request of the session `s` by that provider, or fail it; return the first provider of its plan."""
    one = one_request(headers={"X-Session-Id": "s"}, runtime=runtime)
    one.id = f"req-{served_by}"
    first = order(decide(one))[0]
    respond(one, Response(502, {}, b"", error=error) if error else None, served_by="" if error else served_by)
    return first


def test_a_session_stays_with_the_provider_that_served_it_last() -> None:
    runtime: Any = exchange().runtime
    in_session(runtime, "c")
    assert in_session(runtime, "b") == "c"
    assert in_session(runtime, "b") == "b"
    runtime.clock.now += 3601
    in_session(runtime, "a")
    assert in_session(runtime, "a") == "a"


def test_a_session_does_not_move_to_a_provider_that_failed() -> None:
    runtime = exchange().runtime
    in_session(runtime, "c")
    in_session(runtime, "b", ConnectError("refused"))
    assert in_session(runtime, "b") == "c"


def test_a_session_whose_headers_go_out_early_stays_with_the_provider_in_progress() -> None:
    one = decide(one_request(headers={"X-Session-Id": "s"}))
    one.decision = decision_for(one, "c")
    start_attempt(one)
    respond(one, Response(200, {}, None))
    assert one.runtime.routing.affinity.get((None, "s"), one.runtime.clock()) == "c@us/m-c"


@pytest.mark.parametrize(
    ("headers", "seconds", "warnings"),
    [
        ({"X-Max-Latency-Ms": "500"}, 0.8124, ["max-latency-missed;ms=812"]),
        ({"X-Max-Latency-Ms": "500"}, 0.5, []),
        ({"X-Max-Latency-Ms": "500"}, None, []),
        ({}, 9.0, []),
    ],
)
def test_a_first_content_later_than_requested_is_a_warning(
    headers: dict[str, str], seconds: float | None, warnings: list[str]
) -> None:
    one = decide(one_request(headers=headers))
    one.first_content_at = None if seconds is None else one.started + seconds
    respond(one)
    assert one.warnings == warnings
    assert sidecar_headers(one, 100.0).get("X-Routing-Warnings", "") == ", ".join(warnings)


EXPLAIN = {"X-Route-Explain": "true"}


def test_the_explanation_is_added_to_a_complete_response() -> None:
    response = respond(decide(one_request(headers=EXPLAIN)), served_by="a")
    assert response.body is not None
    members = orjson.loads(response.body)
    assert members["a"] == 1
    assert [attempt["provider"] for attempt in members["routing"]["attempts"]] == ["a"]


def test_the_explanation_is_added_to_an_error_of_failed_attempts() -> None:
    error = ParrotError("all failed")
    respond(decide(one_request(headers=EXPLAIN)), Response(502, {}, b"", error=error))
    assert orjson.loads(error.body())["routing"]["model"] == "m"


def test_the_explanation_is_added_to_an_error_of_the_decision() -> None:
    with pytest.raises(NoEligibleProviderError) as caught:
        decide(one_request({"model": "m"}, {**EXPLAIN, "X-Data-Residency": "EU"}))
    assert {each["provider"] for each in caught.value.extra["routing"]["excluded"]} == {"a", "b", "c"}


@pytest.mark.parametrize("headers", [EXPLAIN, {}])
def test_an_error_before_the_decision_has_no_explanation(headers: dict[str, str]) -> None:
    error = ParrotError("no")
    respond(one_request(headers=headers), Response(400, {}, b"", error=error))
    assert error.extra == {}


@pytest.mark.parametrize(
    ("headers", "members", "is_annotated"),
    [
        ({}, {}, False),
        (EXPLAIN, {}, True),
        ({}, {"stream_options": {"include_usage": True}}, True),
        ({}, {"stream_options": {"include_usage": False}}, False),
    ],
)
def test_a_stream_is_transformed_only_where_something_is_added(
    headers: dict[str, str], members: dict[str, Any], is_annotated: bool
) -> None:
    one = decide(one_request({"stream": True, **members}, headers))
    response = respond(one, Response(200, {}, None), served_by="a")
    assert [type(each) for each in response.transforms] == [StreamAnnotator] * is_annotated


def test_an_unknown_default_is_refused_with_the_known_strategies() -> None:
    with pytest.raises(ValueError, match="default: expected one of automatic"):
        RoutingMiddleware("best")
