"""A 400 about a parameter that this model refuses leads to one other target, and else is the answer.

What the dialect can leave out or rename is sent to the same target without it, then and later.
"""

from __future__ import annotations

import orjson
import pytest

from proxy.attempts.translation import provider_request
from proxy.errors import UpstreamErrorResponse
from proxy.resilience.refusal_memory import RefusedMember
from proxy.routing.policy import Policy
from tests.attempts.fixtures import rules, start_run
from tests.fakes import BODY, FakeTransport, planned_exchange, start_attempt
from tests.virtual_time import virtual_time


def bad_request(code="unsupported_value", param="temperature", message="no"):
    return 400, {}, [orjson.dumps({"error": {"message": message, "code": code, "param": param}})]


async def run(*rows, policy=None, **options):
    exchange = planned_exchange(transport=FakeTransport(list(rows)))
    exchange.raw, exchange.policy = orjson.dumps(BODY | {"temperature": 0.3}), policy or Policy()
    running = start_run(exchange, **options)
    await running.has_ended.wait()
    return running


@virtual_time
async def test_another_target_serves_a_request_whose_parameter_a_model_refuses():
    running = await run(bad_request(), 200)
    assert running.transport.tried == "ab" and running.response.status == 200 and running.is_settled
    assert running.exchange.warnings == ["rejected-by;provider=a;param=temperature"]


@pytest.mark.parametrize("second", [bad_request(message="neither"), bad_request("invalid_value", "n"), 503])
@virtual_time
async def test_if_the_second_does_not_serve_it_the_first_refusal_is_the_answer(second):
    running = await run(bad_request(message="first"), second)
    assert running.transport.tried == "ab" and running.error.status == 400
    assert running.error.message == "first" and running.is_settled


@pytest.mark.parametrize(
    ("row", "policy", "options"),
    [
        (bad_request("invalid_value"), Policy(), {}),
        (bad_request(param=None), Policy(), {}),
        (bad_request(), Policy(provider=("a",)), {}),
        (bad_request(), Policy(retry_on_provider_error=False), {}),
        (bad_request(), Policy(), {"max_retries": 0}),
        (bad_request(), rules(("b", "rate_limit")), {}),
    ],
)
@virtual_time
async def test_any_other_400_is_final(row, policy, options):
    running = await run(row, 200, policy=policy, **options)
    assert running.transport.tried == "a" and running.error.status == 400 and not running.exchange.warnings


@virtual_time
async def test_a_failover_config_whose_rule_names_every_class_allows_another_target():
    assert (await run(bad_request(), 200, policy=rules(("b", "any")))).transport.tried == "ab"


LIMIT = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
USAGE = "Unrecognized request argument supplied: stream_options"


def refusal(message, *, status=400, **members):
    return status, {}, [orjson.dumps({"error": {"message": message, "type": "invalid_request_error", **members}})]


async def run_at_one(*rows, transport=None, **members):
    exchange = planned_exchange("a", transport=transport or FakeTransport(list(rows)))
    exchange.raw = orjson.dumps({**BODY, **members})
    running = start_run(exchange)
    await running.has_ended.wait()
    return running


def sent(running):
    return [orjson.loads(attempt.provider_request.body) for attempt in running.exchange.attempts]


@pytest.mark.parametrize("row", [
    refusal(LIMIT, param="max_tokens", code="unsupported_parameter"), refusal(LIMIT),
    (422, {}, [orjson.dumps({"detail": [{"loc": ["body", "max_tokens"], "msg": "max_tokens: Extra inputs are not permitted"}]})]),
])  # fmt: skip
@virtual_time
async def test_a_deployment_that_refuses_max_tokens_gets_the_other_name(row):
    running = await run_at_one(row, 200, max_tokens=50)
    assert running.transport.tried == "aa" and running.response.status == 200 and running.is_settled
    assert ["max_tokens" in each for each in sent(running)] == [True, False]
    assert sent(running)[1]["max_completion_tokens"] == 50


@virtual_time
async def test_it_is_remembered_for_later_requests():
    exchange = (await run_at_one(refusal(LIMIT, param="max_tokens"), 200, max_tokens=50)).exchange
    later = start_attempt(exchange)
    assert orjson.loads(provider_request(later).body)["max_completion_tokens"] == 50


@pytest.mark.parametrize("row", [
    refusal("max_tokens is too large: 90000. This model supports at most 16384.", param="max_tokens"), refusal("max_tokens"),
    refusal("Unsupported value", param="temperature", code="invalid_value"),
])  # fmt: skip
@virtual_time
async def test_an_error_about_anything_else_is_final(row):
    running = await run_at_one(row, 200, max_tokens=50)
    assert running.transport.tried == "a" and isinstance(running.error, UpstreamErrorResponse)


@virtual_time
async def test_a_target_that_refuses_both_names_is_not_asked_for_ever():
    both = refusal("max_completion_tokens: Extra inputs are not permitted")
    running = await run_at_one(refusal(LIMIT, param="max_tokens"), both, both, both, max_tokens=50)
    assert running.error.status == 400 and len(running.transport.tried) <= 3


@virtual_time
async def test_a_member_that_the_sidecar_had_added_leads_to_another_target_too():
    running = await run(bad_request("invalid_value", "stream_options"), 200)
    assert running.transport.tried == "ab" and running.response.status == 200
    assert running.exchange.warnings == ["rejected-by;provider=a;param=stream_options"]


@virtual_time
async def test_what_a_target_has_refused_is_remembered():
    running = await run(bad_request(), 200)
    refused, target = running.exchange.runtime.resilience.refused_members, running.exchange.attempts[0].step.target.id
    assert refused.at(0.0) == {target: {RefusedMember("temperature")}}
    running = await run(bad_request("invalid_value"), 200)
    assert not running.exchange.runtime.resilience.refused_members.at(0.0)
