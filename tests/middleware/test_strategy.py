"""The body is read once, its `routing` heard, and a plan made or refused with reasons."""

from __future__ import annotations

import orjson
import pytest

from proxy.errors import ConnectFailure, InvalidHeader, InvalidRequest, NoEligibleProvider, UnknownModel
from proxy.middleware.header_policy import HeaderPolicy
from proxy.middleware.strategy import StrategyChoice
from tests.fakes import BODY, Script, exchange, generation, request, text


async def decided(members=None, headers=None, **options):
    made = exchange(request(b"", headers), **options)
    made.raw = orjson.dumps({**BODY, **(members or {})})
    inner = Script([200])
    await HeaderPolicy()(made, lambda subject: StrategyChoice()(subject, inner))
    return made


def order(made):
    return "".join(step.target.provider.name for step in made.decision.steps)


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
        ({"model": "n"}, UnknownModel, 404, "no model 'n' in the routing table"),
        ({"model": "mm"}, UnknownModel, 404, "did you mean 'm'?"),
        ({"model": ""}, InvalidRequest, 400, "'model' is missing or empty"),
        ({"messages": []}, InvalidRequest, 400, "'messages' is missing or empty"),
        ({"stream": "yes"}, InvalidRequest, 400, "'stream' must be a boolean"),
        ({"routing": []}, InvalidHeader, 400, "routing: expected an object"),
        ({"routing": {"providr": "a"}}, InvalidHeader, 400, "routing.providr: no such member"),
        ({"routing": {"provider": "z"}}, InvalidHeader, 400, "no provider 'z'"),
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
    with pytest.raises(InvalidRequest) as caught:
        await StrategyChoice()(made, Script([200]))
    assert (caught.value.status, caught.value.code) == (400, code)


async def test_where_nobody_may_serve_each_providers_reason_is_given():
    file = text().replace("canary-of-the-provider", '"${A_KEY}"', 1)
    with pytest.raises(NoEligibleProvider) as caught:
        await decided({"model": "only-a"}, {"X-Provider": "b"}, snap=snapshot_with(file))
    assert caught.value.status == 400
    assert caught.value.message == (
        "no provider may serve 'only-a': a: disabled, A_KEY is not set; b: model_not_served; c: not_in_provider"
    )


def snapshot_with(file):
    return generation(file + "  only-a: {a: x, c: x}\n").snapshot


async def test_turns_are_recorded_by_live_decisions_one_after_another():
    services = exchange().services
    first = []
    for _ in range(6):
        made = exchange(request(b"", {"X-Load-Balance-Strategy": "round-robin"}))
        made.services, made.raw = services, orjson.dumps(BODY)
        await HeaderPolicy()(made, lambda subject: StrategyChoice()(subject, Script([200])))
        first.append(order(made)[0])
    assert first == ["a", "b", "c"] * 2


async def in_session(services, serving, fails=None):
    """The plan's first place of a request in the session `s`, which is then served by `serving`."""
    made = exchange(request(b"", {"X-Session-Id": "s"}))
    made.services, made.raw, made.id = services, orjson.dumps(BODY), f"req-{serving}"

    async def inner(subject):
        step = next(step for step in made.decision.steps if step.target.provider.name == serving)
        made.serving = made.attempt(step)
        if fails:
            raise fails
        return await Script([200])(subject)

    await HeaderPolicy()(made, lambda subject: StrategyChoice()(subject, inner))
    return order(made)[0]


async def test_a_session_stays_where_it_was_served_last():
    services = exchange().services
    await in_session(services, "c")
    assert await in_session(services, "b") == "c"
    assert await in_session(services, "b") == "b"
    services.clock.now += 3601
    await in_session(services, "a")
    assert await in_session(services, "a") == "a"


async def test_what_failed_is_not_stayed_at():
    services = exchange().services
    await in_session(services, "c")
    with pytest.raises(ConnectFailure):
        await in_session(services, "b", ConnectFailure("refused"))
    assert await in_session(services, "b") == "c"


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
        made.first_content = None if seconds is None else made.started + seconds
        return await Script([200])(subject)

    await HeaderPolicy()(made, lambda subject: StrategyChoice()(subject, inner))
    assert made.warnings == warnings
    assert made.stamps().get("X-Routing-Warnings", "") == ", ".join(warnings)


def test_an_unknown_default_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match="default: expected one of automatic"):
        StrategyChoice("best")
