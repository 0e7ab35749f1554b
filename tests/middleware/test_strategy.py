"""The body is read once, its `routing` heard, and a plan made or refused with reasons."""

from __future__ import annotations

import orjson
import pytest

from proxy.errors import InvalidHeader, InvalidRequest, NoEligibleProvider, UnknownModel
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
        "no provider may serve 'only-a': a: disabled, A_KEY is not set; c: not_in_x_provider"
    )


def snapshot_with(file):
    return generation(file + "  only-a: {a: x, c: x}\n").snapshot


def test_an_unknown_default_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match="no strategy 'best'; known: automatic"):
        StrategyChoice("best")
