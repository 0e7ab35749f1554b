"""What an outage of all providers costs them: how many attempts for each request."""

from __future__ import annotations

import asyncio

import pytest

from proxy.errors import UpstreamTimeout
from proxy.resilience.breaker import BreakerSettings
from tests.attempts.fixtures import Requests
from tests.fakes import Later
from tests.virtual_time import virtual_time

DOWN = {
    "server error": 500,
    "rate limit": 429,
    "overloaded": Later(0.5, 503),
    "silent": Later(6.0, UpstreamTimeout("late")),
}
COUNTED = 100


async def attempts_of_an_outage(plan, per_second, failure, **options):
    """Return how many attempts `COUNTED` requests make, once each target has failed."""
    requests = Requests([failure] * 4 * 2 * COUNTED, **options)
    first = [requests.start(plan) for _ in range(6)]
    await asyncio.gather(*(each.has_ended.wait() for each in first))
    before, running = len(requests.transport.sent), []
    for _ in range(COUNTED):
        running.append(requests.start(plan))
        await asyncio.sleep(1 / per_second)
    await asyncio.gather(*(each.has_ended.wait() for each in running))
    assert all(each.error is not None and each.is_settled for each in running)
    return len(requests.transport.sent) - before


@pytest.mark.parametrize("failure", DOWN)
@pytest.mark.parametrize("plan", ["a", "abc"])
@virtual_time
async def test_a_total_outage_costs_a_fifth_more_attempts(plan, failure):
    assert await attempts_of_an_outage(plan, 5, DOWN[failure]) <= 1.2 * COUNTED


@virtual_time
async def test_without_a_circuit_breaker_the_budget_alone_bounds_the_retries():
    options = {"circuit_breaker": BreakerSettings(enabled=False)}
    assert await attempts_of_an_outage("a", 20, 500, **options) <= 1.2 * COUNTED
