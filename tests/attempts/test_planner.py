"""The way through a plan: who is next, why, and when nobody is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from proxy.attempts import outcomes
from proxy.attempts.planner import AttemptPlanner, FailureCause
from proxy.attempts.settings import OFF, AutoOrDuration, FailoverOptions, Hedge
from proxy.config.prices import Price
from proxy.dialects.errors import error_response
from proxy.errors import ConnectError, UpstreamDisconnected, UpstreamTimeout
from proxy.resilience.breaker import BreakerSettings
from proxy.resilience.breakers import BreakerOverride
from proxy.resilience.classification import CLASSIFICATIONS
from proxy.routing.decision import Decision
from proxy.routing.facts import Facts
from proxy.routing.failover_config import FailoverConfig, Rule
from proxy.routing.policy import Policy
from tests.fakes import planned_exchange

BREAKER = BreakerSettings()
ONE_IN_A_ROW = BreakerSettings(failure_threshold=1)


def walk(plan="abc", policy=None, settings=None, **changes):
    """A walk; `changes` are members of targets by provider, such as a={"context_window": 5}."""
    made = planned_exchange(plan)
    steps = [
        structs.replace(step, target=replace(step.target, **changes.get(step.target.provider.name, {})))
        for step in made.decision.plan
    ]
    made.decision = Decision("m", "automatic", tuple(steps))
    made.policy, made.facts = policy or Policy(), Facts("chat", "m", stream=True)
    return AttemptPlanner(made, settings or FailoverOptions())


def name(attempt):
    return attempt and attempt.step.target.provider.name


def fail(walk, attempt, failure=None, breaker=BREAKER):
    failure = failure or error_response(500, {}, "no")
    return outcomes.record_failure(attempt, failure, breaker), FailureCause(
        failure.trigger, CLASSIFICATIONS[failure.trigger].fails_over, attempt.step
    )


def eject(walk, *names, failure=None):
    """One failure is enough to take each of these out."""
    for each in names:
        step = next(step for step in walk.exchange.decision.plan if step.target.provider.name == each)
        attempt = walk.exchange.start_attempt(step)
        attempt.permit = walk.exchange.runtime.breakers.admit(step.target.id, 100.0)
        fail(walk, attempt, failure, ONE_IN_A_ROW)
    walk.exchange.attempts.clear()


def rules(*rows, breaker=None):
    """A chain from a: rows are (provider, triggers) or (provider, triggers, within)."""
    made = tuple(Rule(row[0], frozenset(row[1].split()), (), row[2] if len(row) > 2 else None) for row in rows)
    return Policy(failover_config=FailoverConfig("a", made, breaker))


def test_the_first_is_the_plans_first_and_each_target_comes_once():
    walked = walk()
    attempts = [walked.start_first()]
    while attempts[-1] is not None:
        _, cause = fail(walked, attempts[-1])
        attempts.append(walked.start_elsewhere(cause))
    assert [name(each) for each in attempts] == ["a", "b", "c", None]


@pytest.mark.parametrize(("out", "first"), [("", "a"), ("a", "b"), ("ab", "c"), ("abc", "a")])
def test_who_is_out_is_passed_over_unless_all_are(out, first):
    walked = walk()
    eject(walked, *out)
    assert name(walked.start_first()) == first


def test_who_is_out_is_tried_last_when_the_others_have_failed():
    walked = walk()
    eject(walked, "b")
    attempt, tried = walked.start_first(), []
    while attempt:
        tried.append(name(attempt))
        attempt = walked.start_elsewhere(fail(walked, attempt)[1])
    assert tried == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("policy", "left"),
    [
        (Policy(), 3),
        (Policy(max_provider_retries=0), 0),
        (Policy(max_provider_retries=7), 7),
        (Policy(retry_on_provider_error=False), 0),
        (Policy(retry_on_provider_error=False, max_provider_retries=5), 0),
    ],
)
def test_so_many_attempts_are_left_after_the_first(policy, left):
    walked = walk(policy=policy)
    attempt = walked.start_first()
    assert walked.attempts_left == left
    if not left:
        verdict, cause = fail(walked, attempt)
        assert (
            walked.retry_same(attempt, verdict)
            is walked.start_elsewhere(cause)
            is walked.start_retry(attempt.step)
            is None
        )
        assert walked.hedge_delay_s(attempt) is walked.start_hedge() is None


@pytest.mark.parametrize(
    ("policy", "again"),
    [
        (Policy(), True),
        (Policy(max_provider_retries=1), False),
        (Policy(max_provider_retries=2), True),
        (Policy(provider_fallbacks=("a", "b", "c"), max_provider_retries=2), False),
        (Policy(provider_fallbacks=("a", "b", "c"), max_provider_retries=3), True),
    ],
)
def test_a_target_is_tried_again_only_if_the_others_still_get_their_turn(policy, again):
    walked = walk(policy=policy)
    attempt = walked.start_first()
    verdict, _ = fail(walked, attempt)
    found = walked.retry_same(attempt, verdict)
    assert (found is not None) is again
    if found:
        assert found.step is attempt.step and 0 <= found.wait_s < 0.3
        assert walked.retry_same(attempt, verdict) is None


@pytest.mark.parametrize(
    "failure",
    [UpstreamTimeout("late"), ConnectError("no"), error_response(504, {}, "late"), error_response(529, {}, "")],
)
def test_what_is_silent_or_out_of_reach_is_not_tried_again(failure):
    walked = walk()
    attempt = walked.start_first()
    assert walked.retry_same(attempt, fail(walked, attempt, failure)[0]) is None


def test_what_has_just_been_taken_out_is_not_tried_again():
    walked = walk()
    attempt = walked.start_first()
    verdict, _ = fail(walked, attempt, UpstreamDisconnected("cut"), ONE_IN_A_ROW)
    assert walked.retry_same(attempt, verdict) is None


@pytest.mark.parametrize(
    ("policy", "seconds", "waits"),
    [
        (Policy(), "2", True),
        (Policy(), "2.6", False),
        (Policy(max_latency_ms=1000), "2", False),
        (Policy(max_latency_ms=3000), "2", True),
        (rules(("b", "rate_limit")), "2", False),
        (rules(("b", "any")), "2", True),
    ],
)
def test_a_rate_limit_is_waited_for_if_that_is_short_and_nobody_is_named_for_it(policy, seconds, waits):
    walked = walk(policy=policy)
    attempt = walked.start_first()
    verdict, _ = fail(walked, attempt, error_response(429, {"retry-after": seconds}, "wait"))
    found = walked.retry_same(attempt, verdict)
    assert (found and found.wait_s) == (float(seconds) if waits else None)
    assert walked.retry_same(attempt, verdict) is None


@pytest.mark.parametrize(
    ("triggers", "failure", "next"),
    [
        (("rate_limit timeout", "server_error"), error_response(429, {}, ""), "b"),
        (("rate_limit timeout", "server_error"), error_response(500, {}, ""), "c"),
        (("rate_limit", "timeout"), error_response(500, {}, ""), None),
        (("any", "server_error"), error_response(500, {}, ""), "b"),
        (("any", "any"), error_response(400, {}, ""), None),
        (("any", "any"), error_response(400, {}, "", code="content_filter"), None),
        (("any", "content_filter"), error_response(400, {}, "", code="content_filter"), "c"),
        (("timeout", "context_length"), error_response(400, {}, "", code="context_length_exceeded"), "c"),
        (("auth_error", "connection_error"), ConnectError("no"), "c"),
        (("auth_error", "connection_error"), error_response(401, {}, ""), "b"),
    ],
)
def test_the_first_rule_that_names_the_failure_takes_over(triggers, failure, next):
    walked = walk(policy=rules(*zip("bc", triggers, strict=True)))
    assert name(walked.start_elsewhere(fail(walked, walked.start_first(), failure)[1])) == next


@pytest.mark.parametrize(
    ("failure", "first"),
    [
        (error_response(429, {"retry-after": "9"}, ""), "b"),
        (error_response(500, {}, ""), "c"),
        (UpstreamTimeout("x"), "a"),
    ],
)
def test_a_primary_that_is_out_counts_as_failing_with_what_put_it_out(failure, first):
    walked = walk(policy=rules(("b", "rate_limit"), ("c", "server_error")))
    eject(walked, "a", failure=failure)
    assert name(walked.start_first()) == first


def test_a_requests_own_breaker_replaces_the_shared_one():
    walked = walk(policy=rules(("b", "any"), breaker=BreakerOverride(failure_threshold=2)))
    eject(walked, "a")
    attempt = walked.start_first()
    assert name(attempt) == "a"
    fail(walked, attempt)
    again = walk(policy=walked.exchange.policy)
    again.exchange.runtime = walked.exchange.runtime
    assert name(again.start_first()) == "b"


def test_a_fallback_that_is_usually_too_slow_is_left_out():
    walked = walk(policy=rules(("b", "any", 1.0), ("c", "any")))
    for _ in range(3):
        flight = walked.exchange.runtime.observations.start_attempt("b@us/m-b", 90.0)
        flight.record_finish(92.0)
    cause = fail(walked, walked.start_first())[1]
    assert name(walked.start_elsewhere(cause)) == "c"


def test_a_fallback_gets_the_time_its_rule_gives_it():
    walked = walk(policy=rules(("b", "any", 1.0)))
    first = walked.start_first()
    assert (
        first.first_content_timeout_s is None
        and walked.start_elsewhere(fail(walked, first)[1]).first_content_timeout_s == 1.0
    )


@pytest.mark.parametrize(
    ("contexts", "next"), [((8, 8, 32), "c"), ((8, 16, 32), "b"), ((None, 16, 32), None), ((8, None, 4), None)]
)
def test_a_text_that_is_too_long_goes_where_there_is_known_to_be_more_room(contexts, next):
    walked = walk(**{each: {"context_window": size} for each, size in zip("abc", contexts, strict=True)})
    cause = fail(walked, walked.start_first(), error_response(400, {}, "", code="context_length_exceeded"))[1]
    assert name(walked.start_elsewhere(cause)) == next


def test_each_further_attempt_must_fit_what_is_left_of_the_ceiling():
    cheap, dear = Price(0.0, 1e-6, 0.0, 0.0), Price(0.0, 1e-3, 0.0, 0.0)
    walked = walk(policy=Policy(max_cost_per_request=0.05), a={"price": cheap}, b={"price": dear}, c={"price": cheap})
    first = walked.start_first()
    first.completion.usage = {"prompt_tokens": 0, "completion_tokens": 10_000}
    following = walked.start_elsewhere(fail(walked, first)[1])
    assert (name(following), following.step.max_tokens) == ("b", 40)


def test_the_hedge_goes_to_who_is_available_and_there_is_one():
    walked = walk()
    eject(walked, "b")
    first = walked.start_first()
    assert walked.hedge_delay_s(first) == 8.0
    assert name(walked.start_hedge()) == "c"
    assert walked.start_hedge() is None and walked.hedge_delay_s(first) is None


def test_a_hedge_is_paid_for_until_it_ends():
    walked = walk()
    walked.start_first()
    hedge, hedges = walked.start_hedge(), walked.exchange.runtime.hedge_budget
    assert hedges.in_flight == 1
    outcomes.record_cancelled(hedge, hedge_lost=True)
    assert hedges.in_flight == 0


def test_without_a_target_for_it_no_hedge_is_paid_for():
    walked = walk("ab")
    eject(walked, "b")
    walked.start_first()
    assert walked.start_hedge() is None and walked.exchange.runtime.hedge_budget.in_flight == 0


@pytest.mark.parametrize(
    ("after", "policy", "stream", "seconds"),
    [
        (-1.0, Policy(), True, 8.0),
        (-1.0, Policy(), False, 30.0),
        (3.0, Policy(), True, 3.0),
        (OFF, Policy(), True, None),
        (3.0, Policy(max_latency_ms=500), True, 0.5),
        (3.0, Policy(max_latency_ms=10), True, 0.25),
        (3.0, Policy(max_latency_ms=10), False, 3.0),
    ],
)
def test_the_hedge_starts_after(after, policy, stream, seconds):
    walked = walk(policy=policy, settings=FailoverOptions(hedge=Hedge(AutoOrDuration(after))))
    walked.exchange.facts = Facts("chat", "m", stream=stream)
    assert walked.hedge_delay_s(walked.start_first()) == seconds


def test_a_target_with_twenty_samples_is_hedged_by_its_own_pace():
    walked = walk()
    for _ in range(20):
        walked.exchange.runtime.observations.start_attempt("a@us/m-a", 80.0).record_finish(90.0)
    assert walked.hedge_delay_s(walked.start_first()) == pytest.approx(20, rel=0.2)


def test_a_target_whose_account_is_at_its_limit_comes_last():
    walked = walk("abc")
    step = walked.exchange.decision.plan[1]
    limited = replace(step.target.provider, limits=type("L", (), {
        "concurrency": 1, "requests_per_minute": None, "tokens_per_minute": None})())  # fmt: skip
    walked._unused[1] = structs.replace(step, target=replace(step.target, provider=limited))
    walked.exchange.runtime.rate_limits.start_attempt("b", 100.0)
    assert name(walked.start_elsewhere(fail(walked, walked.start_first())[1])) == "c"


FAILURES = [error_response(status, {}, "") for status in (400, 401, 402, 404, 429, 500, 503, 529)] + [
    UpstreamTimeout("late"), UpstreamDisconnected("cut"), ConnectError("no"), error_response(429, {"retry-after": "1"}, ""),
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.permutations("abc"),
    st.integers(0, 10),
    st.lists(st.tuples(st.sampled_from(FAILURES), st.sampled_from(["again", "elsewhere", "hedge"])), max_size=30),
)
def test_no_walk_makes_more_attempts_than_it_may_nor_leaves_its_plan(plan, retries, moves):
    walked = walk(plan, Policy(max_provider_retries=retries))
    attempt = walked.start_first()
    for failure, move in moves:
        if attempt is None:
            break
        if move == "hedge":
            second = walked.start_hedge()
            assert second is None or second.step.target is not attempt.step.target
        verdict, cause = fail(walked, attempt, failure)
        again = walked.retry_same(attempt, verdict) if move == "again" else None
        attempt = walked.start_retry(again.step) if again else walked.start_elsewhere(cause)
    tried = [each.step.target.id for each in walked.exchange.attempts]
    assert len(tried) <= 1 + retries
    assert set(tried) <= {step.target.id for step in walked.exchange.decision.plan}
    assert max(map(tried.count, tried)) <= 3
    for each in walked.exchange.attempts:
        outcomes.record_cancelled(each)
    runtime = walked.exchange.runtime
    assert not runtime.retry_budget._in_flight and not runtime.hedge_budget.in_flight
