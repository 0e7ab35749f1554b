"""The plan is walked until one target answers; if none does, the caller learns who was tried and why."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from proxy.errors import (
    AllProvidersFailedError,
    ConnectError,
    InvalidRequestError,
    MalformedResponse,
    UpstreamDisconnected,
    UpstreamErrorResponse,
    UpstreamTimeout,
)
from proxy.middleware.failover import Failover
from tests.fakes import FOREVER, PROVIDER_KEY, ScriptedHandler, planned_exchange, stream_response

LIMITED = 429, {}


async def walked(rows, plan="abc", **options):
    made, inner = planned_exchange(plan), ScriptedHandler(list(rows))
    response = await Failover(**options)(made, inner)
    return made, inner, response


@pytest.mark.parametrize(
    "rows, tried",
    [
        ([200], "a"),
        ([500, 200], "aa"),
        ([500, 500, 200], "aab"),
        ([504, 200], "ab"),
        ([(429, {"Retry-After": "2"}), 200], "aa"),
        ([(429, {"Retry-After": "3"}), 200], "ab"),
        ([(429, {"Retry-After": "2"}), (429, {"Retry-After": "2"}), 200], "aab"),
        ([ConnectError("no"), LIMITED, 200], "abc"),
        ([UpstreamTimeout("late"), UpstreamDisconnected("cut"), 200], "abb"),
        ([MalformedResponse("odd"), 200], "ab"),
        ([InvalidRequestError("cannot be said there"), 200], "ab"),
        ([401, 200], "ab"),
        ([402, 200], "ab"),
        ([404, 200], "ab"),
        ([529, 504, 200], "abc"),
    ],
)
async def test_walks_until_one_answers(rows, tried):
    made, inner, response = await walked(rows)
    assert "".join(inner.tried) == tried
    assert response.status == 200
    assert made.response_headers()["X-Provider"] == tried[-1]
    sent = [row for row in rows if not isinstance(row, InvalidRequestError)]
    assert made.response_headers()["X-Provider-Attempts"] == str(len(sent))


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_what_would_fail_everywhere_is_the_providers_own_word_at_once(status):
    made, inner = planned_exchange(), ScriptedHandler([status])
    with pytest.raises(UpstreamErrorResponse) as caught:
        await Failover()(made, inner)
    assert caught.value.status == status
    assert inner.tried == ["a"]
    assert made.attempts[0].status == status


@pytest.mark.parametrize("retries, tried", [(0, "a"), (1, "ab"), (2, "aab"), (3, "aabc"), (10, "aabbcc")])
async def test_no_more_is_tried_than_the_plan_and_the_limit_allow(retries, tried):
    inner = ScriptedHandler([500] * 6)
    with pytest.raises(AllProvidersFailedError):
        await Failover(max_retries=retries)(planned_exchange(), inner)
    assert "".join(inner.tried) == tried


@pytest.mark.parametrize(
    "rows, status, code, headers",
    [
        ([(429, {"Retry-After": "7"}), (429, {"Retry-After": "3"}), LIMITED], 429, "rate_limit_exceeded",
         {"Retry-After": "3"}),
        ([LIMITED] * 3, 429, "rate_limit_exceeded", {"x-should-retry": "false"}),
        ([(429, {"Retry-After": "9" * 5000})] * 3, 429, "rate_limit_exceeded", {"x-should-retry": "false"}),
        ([(429, {"Retry-After": "4.2"})] * 3, 429, "rate_limit_exceeded", {"Retry-After": "5"}),
        ([(429, {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"})] * 4, 429, "rate_limit_exceeded",
         {"x-should-retry": "false"}),
        ([UpstreamTimeout("late"), 504, UpstreamTimeout("late")], 504, "upstream_timeout", {"x-should-retry": "false"}),
        ([529] * 3, 503, "server_is_overloaded", {"x-should-retry": "false"}),
        ([500, 503, 502, 500], 502, "all_providers_failed", {"x-should-retry": "false"}),
        ([ConnectError("no")] * 3, 502, "all_providers_failed", {"x-should-retry": "false"}),
        ([(429, {"Retry-After": "7"}), 500, 500, LIMITED], 502, "all_providers_failed", {"x-should-retry": "false"}),
        ([401, 402, 404], 502, "all_providers_failed", {"x-should-retry": "false"}),
    ],
)  # fmt: skip
async def test_when_all_fail_alike_the_status_says_so_and_else_it_is_a_502(rows, status, code, headers):
    with pytest.raises(AllProvidersFailedError) as caught:
        await walked(rows)
    assert (caught.value.status, caught.value.code, caught.value.headers) == (status, code, headers)


async def test_the_envelope_lists_every_attempt_and_no_secret():
    with pytest.raises(AllProvidersFailedError) as caught:
        await walked([ConnectError("cannot connect to a.test: refused"), 529, LIMITED])
    error = orjson.loads(caught.value.body())["error"]
    assert [(each["provider"], each["outcome"], each["status"]) for each in error["attempts"]] == [
        ("a", "connection_error", None), ("b", "model_overloaded", 503), ("c", "rate_limit", 429),
    ]  # fmt: skip
    assert error["type"] == "upstream_error"
    assert "tried a@us/m-a (connection_error), b@us/m-b (model_overloaded), c@us/m-c (rate_limit)" in error["message"]
    assert error["message"].endswith("The last said: said 429")
    assert PROVIDER_KEY not in caught.value.body().decode()


async def test_each_attempt_has_its_own_time():
    made = planned_exchange()

    async def slow(attempt):
        made.runtime.clock.now += 0.5
        raise ConnectError("no")

    with pytest.raises(AllProvidersFailedError) as caught:
        await Failover()(made, slow)
    assert [each["ms"] for each in caught.value.attempts] == [500.0, 500.0, 500.0]


async def test_an_answer_in_hand_is_returned_unread():
    source = stream_response([b"x", UpstreamDisconnected("cut")])
    body = source.body
    made, *_ = await walked([504, source])
    assert body.reads == 0
    assert made.attempts[1].outcome is None


async def test_a_cancelled_attempt_is_not_followed_by_another(assert_cancels):
    inner = ScriptedHandler([504, FOREVER, 200])
    await assert_cancels(Failover()(planned_exchange(), inner))
    assert inner.tried == ["a", "b"]


async def test_a_bug_is_not_taken_for_a_failing_provider():
    inner = ScriptedHandler([KeyError("oops"), 200])
    with pytest.raises(KeyError):
        await Failover()(planned_exchange(), inner)
    assert inner.tried == ["a"]


@pytest.mark.parametrize("rows, told", [([401, 403, 200], 2), ([500, 429, 200], 0), ([200], 0)])
async def test_a_refused_key_is_told_so_that_it_can_be_read_again(rows, told):
    made, calls = planned_exchange(), []
    made.runtime = replace(made.runtime, on_auth_failure=lambda: calls.append(1))
    await Failover()(made, ScriptedHandler(list(rows)))
    assert len(calls) == told


async def test_a_format_that_cannot_say_it_is_the_callers_answer_if_there_is_no_other():
    made, inner = planned_exchange(), ScriptedHandler([InvalidRequestError(name) for name in "abc"])
    with pytest.raises(InvalidRequestError, match="a"):
        await Failover()(made, inner)
    assert "".join(inner.tried) == "abc" and made.attempts == []


async def test_a_failure_takes_its_time_from_the_budgets_and_gives_it_back():
    made, inner = planned_exchange(), ScriptedHandler([500, 500, 200])
    await Failover()(made, inner)
    assert made.runtime.retry_budget.in_flight("b@us/m-b") == 1
    made.outcome = "ok"
    made.close()
    assert not made.runtime.retry_budget.in_flight("b@us/m-b") and not made.runtime.hedge_budget.in_flight
    assert [made.runtime.observations.in_flight(f"{name}@us/m-{name}") for name in "ab"] == [0, 0]


async def test_the_wait_for_a_retry_is_the_providers_time():
    made, _, _ = await walked([(429, {"Retry-After": "2"}), 200])
    assert made.upstream_wait_s == 2
