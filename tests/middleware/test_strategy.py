"""The body is read once, its `routing` heard, and a plan made or refused with reasons."""

from __future__ import annotations

import orjson
import pytest

from proxy.errors import (
    ConnectError,
    InvalidHeaderError,
    InvalidRequestError,
    ModelNotFoundError,
    NoEligibleProviderError,
)
from proxy.middleware.header_policy import HeaderPolicy
from proxy.middleware.strategy import RoutingMiddleware
from tests.fakes import BODY, ScriptedHandler, exchange, generation, request, routing_yaml


async def decided(members=None, headers=None, **options):
    made = exchange(request(b"", headers), **options)
    made.raw = orjson.dumps({**BODY, **(members or {})})
    inner = ScriptedHandler([200])
    await HeaderPolicy()(made, lambda subject: RoutingMiddleware()(subject, inner))
    return made


def order(made):
    return "".join(step.target.provider.name for step in made.decision.plan)


async def test_everybody_who_serves_the_model_is_planned():
    made = await decided({"stream": True})
    assert sorted(order(made)) == ["a", "b", "c"]
    assert (made.facts.model, made.facts.stream, made.decision.strategy) == ("m", True, "automatic")


@pytest.mark.parametrize(
    "headers, members, expected",
    [
        ({"X-Provider-Fallbacks": "c,a"}, {}, "ca"),
        ({}, {"routing": {"provider_fallbacks": ["b", "a"]}}, "ba"),
        ({}, {"routing": {"provider_fallbacks": "b,a"}}, "ba"),
        ({"X-Provider": "c"}, {"routing": {"provider": "a"}}, "c"),
        ({"X-Provider-Fallbacks": "c,b"}, {"routing": {"provider": "b"}}, "b"),
    ],
)
async def test_header_and_body_decide_together_and_the_header_holds(headers, members, expected):
    assert order(await decided(members, headers)) == expected


async def test_the_same_request_id_gives_the_same_plan():
    assert order(await decided()) == order(await decided())


@pytest.mark.parametrize(
    "members, error, status, said",
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
async def test_a_body_that_cannot_be_routed_is_refused_with_what_is_wrong(members, error, status, said):
    with pytest.raises(error) as caught:
        await decided(members)
    assert caught.value.status == status
    assert said in caught.value.message


@pytest.mark.parametrize("raw, code", [(b"{", "invalid_json"), (b"[1]", "invalid_type"), (b"", "invalid_json")])
async def test_a_body_that_is_no_json_object_is_a_400(raw, code):
    made = exchange()
    made.raw = raw
    with pytest.raises(InvalidRequestError) as caught:
        await RoutingMiddleware()(made, ScriptedHandler([200]))
    assert (caught.value.status, caught.value.code) == (400, code)


async def test_where_nobody_may_serve_each_providers_reason_is_given():
    file = routing_yaml().replace("canary-of-the-provider", '"${A_KEY}"', 1)
    with pytest.raises(NoEligibleProviderError) as caught:
        await decided({"model": "only-a"}, {"X-Provider": "b"}, snap=snapshot_with(file))
    assert caught.value.status == 400
    assert caught.value.message == (
        "no provider may serve 'only-a': a: disabled, A_KEY is not set; b: model_not_served; c: not_in_provider"
    )


def snapshot_with(file):
    return generation(file + "  only-a: {a: x, c: x}\n").snapshot


async def test_turns_are_recorded_by_live_decisions_one_after_another():
    runtime = exchange().runtime
    first = []
    for _ in range(6):
        made = exchange(request(b"", {"X-Load-Balance-Strategy": "round-robin"}))
        made.runtime, made.raw = runtime, orjson.dumps(BODY)
        await HeaderPolicy()(made, lambda subject: RoutingMiddleware()(subject, ScriptedHandler([200])))
        first.append(order(made)[0])
    assert first == ["a", "b", "c"] * 2


async def in_session(runtime, serving, fails=None):
    """The plan's first place of a request in the session `s`, which is then served by `winning_attempt`."""
    made = exchange(request(b"", {"X-Session-Id": "s"}))
    made.runtime, made.raw, made.id = runtime, orjson.dumps(BODY), f"req-{serving}"

    async def inner(subject):
        step = next(step for step in made.decision.plan if step.target.provider.name == serving)
        made.winning_attempt = made.start_attempt(step)
        if fails:
            raise fails
        return await ScriptedHandler([200])(subject)

    await HeaderPolicy()(made, lambda subject: RoutingMiddleware()(subject, inner))
    return order(made)[0]


async def test_a_session_stays_where_it_was_served_last():
    runtime = exchange().runtime
    await in_session(runtime, "c")
    assert await in_session(runtime, "b") == "c"
    assert await in_session(runtime, "b") == "b"
    runtime.clock.now += 3601
    await in_session(runtime, "a")
    assert await in_session(runtime, "a") == "a"


async def test_what_failed_is_not_stayed_at():
    runtime = exchange().runtime
    await in_session(runtime, "c")
    with pytest.raises(ConnectError):
        await in_session(runtime, "b", ConnectError("refused"))
    assert await in_session(runtime, "b") == "c"


@pytest.mark.parametrize(
    "headers, seconds, warnings",
    [
        ({"X-Max-Latency-Ms": "500"}, 0.8124, ["max-latency-missed;ms=812"]),
        ({"X-Max-Latency-Ms": "500"}, 0.5, []),
        ({"X-Max-Latency-Ms": "500"}, None, []),
        ({}, 9.0, []),
    ],
)
async def test_a_first_content_later_than_asked_is_told(headers, seconds, warnings):
    made = exchange(request(b"", headers))
    made.raw = orjson.dumps(BODY)

    async def inner(subject):
        made.first_content_at = None if seconds is None else made.started + seconds
        return await ScriptedHandler([200])(subject)

    await HeaderPolicy()(made, lambda subject: RoutingMiddleware()(subject, inner))
    assert made.warnings == warnings
    assert made.response_headers().get("X-Routing-Warnings", "") == ", ".join(warnings)


def test_an_unknown_default_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match="default: expected one of automatic"):
        RoutingMiddleware("best")
