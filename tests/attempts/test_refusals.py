"""A 400 about a parameter that this model refuses leads to one other target, and else is the answer."""

from __future__ import annotations

import orjson
import pytest

from proxy.routing.policy import Policy
from tests.attempts.fixtures import rules, start_run
from tests.fakes import BODY, FakeTransport, planned_exchange
from tests.virtual_time import virtual_time


def bad_request(code="unsupported_value", param="temperature", message="no"):
    return 400, {}, [orjson.dumps({"error": {"message": message, "code": code, "param": param}})]


async def run(*rows, policy=None, **options):
    exchange = planned_exchange(transport=FakeTransport(list(rows)))
    exchange.raw, exchange.policy = orjson.dumps(BODY), policy or Policy()
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
