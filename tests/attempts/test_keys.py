"""Failures that count against a key of a pool, and the attempts with the other keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.attempts import outcomes
from proxy.attempts.events import ContentReceived
from proxy.attempts.keys import record_rate_limits, with_other_key
from proxy.config.schema import ProviderLimits
from proxy.dialects.errors import error_response
from proxy.resilience.breaker import BreakerSettings
from proxy.routing.policy import Policy
from tests.attempts.fixtures import BREAKER, Attempts, fail, planned_with_pool, provider, run_pool
from tests.fakes import PROVIDER_KEY

LIMITED = error_response(429, {}, "slow down")
ONE_FAILURE = BreakerSettings(failure_threshold=1, min_requests=1)


def key(attempt):
    return attempt.key and attempt.key.label


@pytest.mark.parametrize(
    ("status", "cooling", "ejected"), [(429, True, False), (402, True, False), (401, False, False), (500, False, True)]
)
def test_limits_and_refusals_count_against_the_key_and_other_failures_against_the_target(status, cooling, ejected):
    made = planned_with_pool("key-1", "key-2")
    attempt = made.start_first()
    fail(attempt, error_response(status, {}, "no"), ONE_FAILURE)
    runtime, target = made.exchange.runtime, attempt.step.target
    assert (runtime.resilience.key_pools.cooling_for_s("a", attempt.key, 100.0) > 0) is cooling
    availability = runtime.resilience.breakers.availability(target.id, 100.0)
    assert (availability.ejected_for_s > 0, availability.cooling_for_s) == (ejected, 0)
    counted = runtime.telemetry.observations.get(target.id).window.sum_over(60, 100.0)
    assert counted.faults == ejected and sum(counted.failed.values()) == 1


def test_while_all_keys_cool_down_the_target_does():
    made = planned_with_pool("key-1", "key-2")
    for cooling_s in (0, 5):
        fail(made.start_first(), LIMITED)
        made = Attempts(made.exchange)
        assert made.exchange.runtime.resilience.breakers.availability("a@us/m-a", 100.0).cooling_for_s == cooling_s
        assert made.exchange.runtime.resilience.breakers.available_in_s("a@us/other", 100.0) == cooling_s
    signals = made.exchange.runtime.routing.signals.table_at(100.0)
    assert [signals.get(f"a@us/{model}").available_in_ms for model in ("m-a", "never-tried")] == [5000, 5000]
    assert signals.get("b@us/m-b").available_in_ms == 0


@pytest.mark.parametrize(
    ("status", "retries", "other"), [(429, 3, True), (401, 1, True), (403, 3, True), (402, 3, True), (429, 0, False),
                                     (500, 3, False), (400, 3, False)],
)  # fmt: skip
def test_after_a_failure_of_a_key_the_next_one_may_be_tried_as_an_attempt(status, retries, other):
    made = planned_with_pool("key-1", "key-2", policy=Policy(max_provider_retries=retries))
    attempt, failure = made.start_first(), error_response(status, {}, "no")
    fail(attempt, failure)
    following = made.starter.start(with_other_key(made.planner, attempt))
    assert (following and (provider(following), key(following))) == (("a", "key 2") if other else None)


def test_where_one_attempt_is_requested_no_other_key_is_tried():
    made = planned_with_pool("key-1", "key-2", policy=Policy(retry_on_provider_error=False))
    attempt = made.start_first()
    fail(attempt, LIMITED)
    assert with_other_key(made.planner, attempt).admitted == []


def test_each_key_is_tried_once_in_a_request():
    made, attempt, used = planned_with_pool("key-1", "key-2", "key-3"), None, []
    attempt, failure = made.start_first(), error_response(401, {}, "no")  # does not cool down yet
    while attempt is not None:
        used.append(key(attempt))
        fail(attempt, failure)
        attempt = made.starter.start(with_other_key(made.planner, attempt))
    assert used == ["key 1", "key 2", "key 3"]


def test_keys_of_the_limited_account_are_not_tried():
    made = planned_with_pool("{value: key-1, account: x}", "{value: key-2, account: x}", "key-3")
    attempt = made.start_first()
    fail(attempt, LIMITED)
    following = made.starter.start(with_other_key(made.planner, attempt))
    assert key(following) == "key 3"
    fail(following, LIMITED)
    assert with_other_key(made.planner, following).admitted == []


def test_limits_hold_for_each_account():
    made = planned_with_pool("{value: key-1, account: x}", "{value: key-2, account: x}", "key-3",
                             limits=ProviderLimits(concurrency=1))  # fmt: skip
    used = [key(Attempts(made.exchange).start_first()) for _ in range(2)]
    made.exchange.attempts.clear()
    assert used == ["key 1", "key 3"]
    assert provider(Attempts(made.exchange).start_first()) == "b"


def test_a_key_that_cools_down_is_used_only_while_no_other_has_room():
    made = planned_with_pool("key-1", "key-2", limits=ProviderLimits(concurrency=1))
    first = made.start_first()
    fail(first, LIMITED)
    assert [key(Attempts(made.exchange).start_first()) for _ in range(2)] == ["key 2", "key 1"]


def test_failures_of_keys_need_no_slot_of_the_retry_budget():
    made = planned_with_pool(*(f"key-{number}" for number in range(8)), policy=Policy(max_provider_retries=8))
    attempts = [made.start_first()]
    for _ in range(6):
        fail(attempts[-1], LIMITED)
        attempts.append(made.starter.start(with_other_key(made.planner, attempts[-1])))
    assert None not in attempts


def test_content_proves_a_key():
    made = planned_with_pool("key-1", "key-2")
    attempt = made.start_first()
    made.exchange.runtime.resilience.key_pools.record_refusal(
        "a", attempt.key, outcomes.classify_failure(attempt, LIMITED), 90.0
    )
    outcomes.apply(attempt, ContentReceived(), BREAKER)
    state = made.exchange.runtime.resilience.key_pools._states["a", attempt.key.secret]
    assert state.cooldown._consecutive == 0


@pytest.mark.parametrize(("left", "held"), [(0, 20), (1, 0), (None, 0)])
def test_if_nothing_is_left_of_a_limit_the_key_rests_and_not_the_target(left, held):
    made = planned_with_pool("key-1", "key-2")
    attempt = made.start_first()
    limits = {"x-ratelimit-remaining-requests": str(left), "x-ratelimit-reset-requests": "20s"}
    record_rate_limits(attempt, {} if left is None else limits)
    runtime = made.exchange.runtime
    assert runtime.resilience.key_pools.cooling_for_s("a", attempt.key, 100.0) == held
    assert runtime.routing.signals.table_at(100.0).get("a@us/m-a").available_in_ms == 0
    assert (runtime.telemetry.observations.get("a@us/m-a").rate_limit is not None) is (left == 1)


def test_without_a_pool_no_other_key_is_looked_for():
    made = planned_with_pool(PROVIDER_KEY)
    attempt = made.start_first()
    fail(attempt, LIMITED)
    assert attempt.key is None and with_other_key(made.planner, attempt).admitted == []


def test_what_happens_at_an_old_address_says_nothing_of_the_key():
    made = planned_with_pool("key-1", "key-2")
    exchange = made.exchange
    exchange.runtime.on_snapshot(exchange.snapshot)
    attempt_target = exchange.decision.plan[0].target
    moved = replace(attempt_target, base_url="https://moved.test")
    exchange.runtime.on_snapshot(
        replace(exchange.snapshot, defaults_by_provider={**exchange.snapshot.defaults_by_provider, "a": (moved,)})
    )
    attempt = made.start_first()
    assert key(attempt) == "key 1"
    fail(attempt, LIMITED)
    assert exchange.runtime.resilience.key_pools.cooling_for_s("a", attempt.key, 100.0) == 0


async def test_the_next_key_serves_before_the_next_provider_and_the_attempts_name_the_keys():
    running = await run_pool([401, 429, 200], "key-1", "{value: key-2, name: spare}", "key-3")
    assert running.transport.tried == "aaa" and running.response.status == 200
    sent = [request.headers["authorization"] for request in running.transport.sent]
    assert sent == ["Bearer key-1", "Bearer key-2", "Bearer key-3"]
    assert [each.as_json().get("key") for each in running.exchange.attempts] == ["key 1", "spare", "key 3"]
    assert running.is_settled


async def test_after_the_last_key_the_next_provider_is_tried():
    running = await run_pool([401, 401, 200], "key-1", "key-2")
    assert running.transport.tried == "aab"
    assert [each.as_json().get("key") for each in running.exchange.attempts] == ["key 1", "key 2", None]


async def test_no_key_is_named_by_itself_in_the_error():
    running = await run_pool([401, 401, 401, 401], "sk-canary-0001", "sk-canary-0002")
    assert running.error.status == 502 and [each.get("key") for each in running.error.attempts] == [
        "key 1", "key 2", None, None]  # fmt: skip
    assert b"canary" not in running.error.body()
