"""The activity report counts every request with an attempt, and lists those that needed more than one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from proxy.attempts.settings import FailoverOptions
from proxy.errors import ForbiddenError
from proxy.exchange import Exchange
from proxy.middleware.failover import Failover
from proxy.telemetry.activity import Activity
from tests.fakes import (
    BODY,
    FOREVER,
    FakeClient,
    FakeTransport,
    chunk_event,
    exchange,
    generation,
    request,
    run_request,
    start_request,
)
from tests.virtual_time import virtual_time

CHAIN = {"X-Provider-Preference": "a,b,c"}


def planned(*rows: Any, stream: bool = False, **headers: str) -> Exchange:
    """Return the exchange of a request that tries `a`, `b` and `c` in this order."""
    raw = orjson.dumps({**BODY, "stream": stream})
    return exchange(request({**CHAIN, **headers}), transport=FakeTransport(list(rows)), raw=raw)


async def run(*rows: Any) -> tuple[FakeClient, Activity]:
    made = planned(*rows)
    return await run_request(made), made.runtime.telemetry.activity


@virtual_time
async def test_a_request_with_one_attempt_is_counted_and_not_listed() -> None:
    client, activity = await run(200)
    assert client.status == 200
    assert (activity.requests, activity.failover_count, list(activity.failovers)) == (1, 0, [])


@pytest.mark.parametrize(
    ("rows", "outcome", "tried"),
    [
        ([504, 200], "ok", [("a", "timeout"), ("b", "ok")]),
        ([504, 529, 504], "all_providers_failed", [("a", "timeout"), ("b", "model_overloaded"), ("c", "timeout")]),
        ([529, 400], "invalid_request", [("a", "model_overloaded"), ("b", "invalid_request")]),
    ],
)
@virtual_time
async def test_a_request_with_several_attempts_is_listed_with_its_own_outcome(
    rows: list[Any], outcome: str, tried: list[Any]
) -> None:
    client, activity = await run(*rows)
    [record] = activity.failovers
    assert (activity.requests, activity.failover_count) == (1, 1)
    assert (record.request_id, record.model, record.outcome) == ("req-1", "m", outcome)
    assert [(each["provider"], each["outcome"]) for each in record.attempts] == tried
    assert ("X-Provider" in client.headers) is (outcome == "ok")


@virtual_time
async def test_a_request_whose_client_has_disconnected_is_listed_with_that() -> None:
    made = planned(504, FOREVER)
    client = start_request(made)
    while len(made.attempts) < 2:
        await asyncio.sleep(0.01)
    client.disconnect()
    [record] = made.runtime.telemetry.activity.failovers
    assert record.outcome == "client_disconnected"
    assert [each["outcome"] for each in record.attempts] == ["timeout", "cancelled"]


@virtual_time
async def test_a_resumed_stream_is_listed_when_it_has_ended() -> None:
    made = planned([chunk_event("one ")], [chunk_event("one "), 5.0, chunk_event(finish="stop")], stream=True)
    client = start_request(made)
    while len(made.attempts) < 2:
        await asyncio.sleep(0.01)
    assert made.runtime.telemetry.activity.requests == 0
    await client.has_ended.wait()
    [record] = made.runtime.telemetry.activity.failovers
    assert record.outcome == "ok"
    assert [each["outcome"] for each in record.attempts] == ["upstream_disconnected", "ok"]


@dataclass(frozen=True)
class Refusing:
    """A middleware that refuses every request."""

    def before(self, exchange: Exchange) -> None:
        raise ForbiddenError("no")


@virtual_time
async def test_a_request_that_never_came_to_an_attempt_is_not_counted() -> None:
    made = planned()
    client = await run_request(made, generation().pipeline.wrap(Refusing(), Refusing()))
    assert client.status == 403 and made.runtime.telemetry.activity.requests == 0


def test_the_options_are_those_of_the_attempts() -> None:
    assert isinstance(Failover(), FailoverOptions)
