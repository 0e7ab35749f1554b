"""Which target is next, why, and when there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from proxy.attempts import outcomes
from proxy.attempts.events import Cancelled
from proxy.attempts.planner import NO_CANDIDATES, FailureCause
from proxy.config.prices import Price
from proxy.config.schema import ProviderLimits
from proxy.config.snapshot import LimitGroup
from proxy.dialects.errors import error_response
from proxy.errors import ConnectError, UpstreamDisconnected, UpstreamTimeout
from proxy.resilience.availability import ProbeFailure
from proxy.resilience.breakers import BreakerOverride
from proxy.routing.policy import Policy
from tests.attempts.fixtures import BREAKER, ONE_IN_A_ROW, eject, fail, planned, provider, rules


def test_attempts_follow_the_plan_and_each_target_comes_once():
    made = planned()
    attempts = [made.start_first()]
    while attempts[-1] is not None:
        _, cause = fail(attempts[-1])
        attempts.append(made.start_elsewhere(cause))
    assert [provider(each) for each in attempts] == ["a", "b", "c", None]


def test_choosing_has_no_effect():
    made = planned()
    for _ in range(2):
        assert [step.target.provider.name for step in made.planner.first().admitted] == ["a", "b", "c"]
        assert [step.target.provider.name for step in made.planner.hedge().admitted] == ["a", "b", "c"]
    assert made.exchange.attempts == [] and not list(made.exchange.runtime.telemetry.observations)


@pytest.mark.parametrize(("ejected", "first"), [("", "a"), ("a", "b"), ("ab", "c"), ("abc", "a")])
def test_ejected_targets_are_skipped_unless_all_are_ejected(ejected, first):
    made = planned()
    eject(made.exchange, *ejected)
    assert provider(made.start_first()) == first


def test_an_ejected_target_is_tried_last_when_the_others_have_failed():
    made = planned()
    eject(made.exchange, "b")
    attempt, tried = made.start_first(), []
    while attempt:
        tried.append(provider(attempt))
        attempt = made.start_elsewhere(fail(attempt)[1])
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
def test_the_policy_limits_the_attempts_after_the_first(policy, left):
    made = planned(policy=policy)
    attempt, planner = made.start_first(), made.planner
    assert planner.attempts_left == left
    if not left:
        classification, cause = fail(attempt)
        assert planner.retry_same(attempt, classification) is None
        assert planner.elsewhere(cause) == planner.again(attempt.step) == planner.hedge() == NO_CANDIDATES
        assert planner.after_unsupported() == NO_CANDIDATES


@pytest.mark.parametrize(
    ("policy", "is_retried"),
    [
        (Policy(), True),
        (Policy(max_provider_retries=1), False),
        (Policy(max_provider_retries=2), True),
        (Policy(provider_fallbacks=("a", "b", "c"), max_provider_retries=2), False),
        (Policy(provider_fallbacks=("a", "b", "c"), max_provider_retries=3), True),
    ],
)
def test_a_target_is_retried_once_and_only_if_attempts_are_left_for_the_others(policy, is_retried):
    made = planned(policy=policy)
    attempt = made.start_first()
    classification, _ = fail(attempt)
    retry = made.planner.retry_same(attempt, classification)
    assert (retry is not None) is is_retried
    if retry:
        assert retry.step is attempt.step and 0 <= retry.wait_s < 0.3
        made.planner.mark_retry(retry, classification)
        assert made.planner.retry_same(attempt, classification) is None


@pytest.mark.parametrize(
    "failure",
    [UpstreamTimeout("late"), ConnectError("no"), error_response(504, {}, "late"), error_response(529, {}, "")],
)
def test_a_silent_or_unreachable_target_is_not_retried(failure):
    made = planned()
    attempt = made.start_first()
    assert made.planner.retry_same(attempt, fail(attempt, failure)[0]) is None


def test_a_target_that_this_failure_ejected_is_not_retried():
    made = planned()
    attempt = made.start_first()
    classification, _ = fail(attempt, UpstreamDisconnected("cut"), ONE_IN_A_ROW)
    assert made.planner.retry_same(attempt, classification) is None


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
def test_a_short_retry_after_is_waited_for_once_unless_a_rule_names_rate_limits(policy, seconds, waits):
    made = planned(policy=policy)
    attempt = made.start_first()
    classification, _ = fail(attempt, error_response(429, {"retry-after": seconds}, "wait"))
    retry = made.planner.retry_same(attempt, classification)
    assert (retry and retry.wait_s) == (float(seconds) if waits else None)
    if retry:
        made.planner.mark_retry(retry, classification)
        assert made.planner.retry_same(attempt, classification) is None


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
def test_the_first_rule_that_names_the_failure_gives_the_next_target(triggers, failure, next):
    made = planned(policy=rules(*zip("bc", triggers, strict=True)))
    assert provider(made.start_elsewhere(fail(made.start_first(), failure)[1])) == next


@pytest.mark.parametrize(
    ("failure", "first"),
    [
        (error_response(429, {"retry-after": "9"}, ""), "b"),
        (error_response(500, {}, ""), "c"),
        (UpstreamTimeout("x"), "a"),
    ],
)
def test_an_ejected_primary_counts_as_failed_with_what_ejected_it(failure, first):
    made = planned(policy=rules(("b", "rate_limit"), ("c", "server_error")))
    eject(made.exchange, "a", failure=failure)
    assert provider(made.start_first()) == first


def test_a_primary_held_by_a_failed_probe_counts_as_failed_with_the_probes_class():
    made = planned(policy=rules(("b", "rate_limit"), ("c", "auth_error")))
    eject(made.exchange, "a", failure=error_response(429, {"retry-after": "9"}, ""))
    probe = ProbeFailure("auth_error", "probe: 401", hold_until=200.0)
    made.exchange.runtime.resilience.breakers.record_probe("a@us", probe, 100.0)
    assert provider(made.start_first()) == "c"


def test_a_requests_own_breaker_replaces_the_shared_one():
    made = planned(policy=rules(("b", "any"), breaker=BreakerOverride(failure_threshold=2)))
    eject(made.exchange, "a")
    attempt = made.start_first()
    assert provider(attempt) == "a"
    fail(attempt)
    again = planned(policy=made.exchange.policy)
    again.exchange.runtime = made.exchange.runtime
    assert provider(again.start_first()) == "b"


def test_a_fallback_that_is_usually_slower_than_its_rule_allows_is_skipped():
    made = planned(policy=rules(("b", "any", 1.0), ("c", "any")))
    for _ in range(3):
        recorder = made.exchange.runtime.telemetry.observations.start_attempt("b@us/m-b", 90.0)
        recorder.record_finish(92.0)
    cause = fail(made.start_first())[1]
    assert provider(made.start_elsewhere(cause)) == "c"


def test_a_fallback_gets_the_time_for_its_first_content_from_its_rule():
    made = planned(policy=rules(("b", "any", 1.0)))
    first = made.start_first()
    second = made.start_elsewhere(fail(first)[1])
    assert (first.first_content_timeout_s, second.first_content_timeout_s) == (None, 1.0)


@pytest.mark.parametrize(
    ("contexts", "next"),
    [((8, 8, 32), "c"), ((8, 16, 32), "b"), ((None, 16, 32), "b"), ((8, 4, None), "c"), ((8, 4, 4), None)],
)
def test_after_a_context_length_error_comes_a_target_whose_window_may_be_larger(contexts, next):
    made = planned(**{each: {"context_window": size} for each, size in zip("abc", contexts, strict=True)})
    cause = fail(made.start_first(), error_response(400, {}, "", code="context_length_exceeded"))[1]
    assert provider(made.start_elsewhere(cause)) == next


def test_after_a_context_length_error_the_same_model_is_not_tried_anywhere_and_another_one_once():
    too_long = error_response(400, {}, "", code="context_length_exceeded")
    made = planned(b={"model": "m-a"})
    second = made.start_elsewhere(fail(made.start_first(), too_long)[1])
    assert provider(second) == "c"
    made = planned()
    second = made.start_elsewhere(fail(made.start_first(), too_long)[1])
    assert provider(second) == "b" and made.start_elsewhere(fail(second, too_long)[1]) is None


def test_each_further_attempt_must_fit_what_is_left_of_the_cost_ceiling():
    cheap, dear = Price(0.0, 1e-6, 0.0, 0.0), Price(0.0, 1e-3, 0.0, 0.0)
    made = planned(policy=Policy(max_cost_per_request=0.05), a={"price": cheap}, b={"price": dear}, c={"price": cheap})
    first = made.start_first()
    first.completion.usage = {"prompt_tokens": 0, "completion_tokens": 10_000}
    following = made.start_elsewhere(fail(first)[1])
    assert (provider(following), following.step.max_tokens) == ("b", 40)


def test_preferred_targets_come_first_among_the_available():
    made = planned("abc")
    eject(made.exchange, "c")
    cause = FailureCause("timeout")
    steps = made.planner.elsewhere(cause, lambda step: step.target.provider.name != "a").admitted
    assert [step.target.provider.name for step in steps] == ["b", "a", "c"]


def test_the_hedge_goes_to_an_available_target_and_there_is_one():
    made = planned()
    eject(made.exchange, "b")
    made.start_first()
    assert provider(made.starter.start_hedge()) == "c"
    assert made.planner.hedge() == NO_CANDIDATES


@pytest.mark.parametrize(
    ("changes", "policy", "hedged"),
    [
        ({"b": {"priority": 1}, "c": {"priority": 1}}, Policy(), None),
        ({"b": {"priority": 1}}, Policy(), "c"),
        ({"b": {"weight": 0.0}}, Policy(), "c"),
        ({"a": {"weight": 0.0}}, Policy(), "b"),
        ({"b": {"weight": 0.0}, "c": {"weight": 0.0}}, Policy(), None),
        ({"b": {"weight": 0.0}, "c": {"priority": 1}}, Policy(), None),
        ({"b": {"weight": 0.0}, "c": {"priority": 1}}, Policy(max_latency_ms=1), None),
        ({"b": {"weight": 0.0}, "c": {"priority": 1}}, Policy(provider_preference=("b",)), None),
        ({"b": {"weight": 0.0, "priority": 1}}, Policy(provider_fallbacks=("a", "b")), "b"),
        ({"b": {"weight": 0.0, "priority": 1}}, rules(("b", "timeout")), "b"),
        ({"b": {"only_after": ("context_length",)}}, Policy(), "c"),
    ],
)
def test_a_hedge_crosses_no_priority_and_uses_no_last_resort_unless_a_chain_names_it(changes, policy, hedged):
    made = planned("abc", policy, **changes)
    made.start_first()
    assert any(map(made.planner.may_hedge, made.planner.unused)) is (hedged is not None)
    assert provider(made.starter.start_hedge()) == hedged


def test_a_failure_leads_to_the_next_priority_only_after_all_of_the_first():
    made = planned("abc", a={"priority": 0}, b={"priority": 0}, c={"priority": 1})
    cause = fail(made.start_first())[1]
    preferred = made.planner.elsewhere(cause, prefer=lambda step: step.target.provider.name == "c")
    assert [step.target.provider.name for step in preferred.admitted] == ["b", "c"]


def test_a_target_for_a_class_of_failure_is_used_after_it_alone():
    only = {"only_after": ("context_length",), "context_window": 9000}
    made = planned("abc", b=only, a={"context_window": 10}, c={"context_window": 10})
    attempt = made.start_first()
    assert provider(attempt) == "a"
    assert provider(made.start_elsewhere(fail(attempt)[1])) == "c"
    made = planned("abc", b=only, a={"context_window": 10}, c={"context_window": 10})
    too_long = error_response(400, {}, "", code="context_length_exceeded")
    assert provider(made.start_elsewhere(fail(made.start_first(), too_long)[1])) == "b"
    made = planned("b", b=only)
    assert provider(made.start_first()) == "b"


def test_a_target_whose_format_cannot_express_the_request_leads_to_no_target_for_a_class_of_failure():
    made = planned("ab", b={"only_after": ("context_length",)})
    made.start_first()
    assert made.planner.after_unsupported().admitted == []


def test_a_target_whose_account_is_at_its_limit_comes_last():
    made = planned("abc")
    step = made.exchange.decision.plan[1]
    group = LimitGroup("b", ProviderLimits(concurrency=1))
    limited = replace(step.target.provider, limits=group.limits)
    made.planner.unused[1] = structs.replace(step, target=replace(step.target, provider=limited))
    made.exchange.runtime.resilience.rate_limits.reserve([group], 0, 100.0)
    made.planner.unused.sort(key=lambda each: each.target.provider.name)
    cause = fail(made.start_first())[1]
    assert [each.target.provider.name for each in made.planner.elsewhere(cause).admitted] == ["c", "b"]
    assert provider(made.start_elsewhere(cause)) == "c"


@pytest.mark.parametrize(("trigger", "first"), [("rate_limit", "b"), ("server_error", None)])
def test_a_primary_at_its_limit_counts_as_rate_limited(trigger, first):
    made = planned("ab", policy=rules(("b", trigger)))
    step = made.exchange.decision.plan[0]
    group = LimitGroup("a", ProviderLimits(concurrency=1))
    limited = replace(step.target.provider, limits=group.limits)
    made.planner.unused[0] = structs.replace(step, target=replace(step.target, provider=limited))
    made.exchange.runtime.resilience.rate_limits.reserve([group], 0, 100.0)
    assert provider(made.starter.start(made.planner.first())) == first


FAILURES = [error_response(status, {}, "") for status in (400, 401, 402, 404, 429, 500, 503, 529)] + [
    UpstreamTimeout("late"), UpstreamDisconnected("cut"), ConnectError("no"), error_response(429, {"retry-after": "1"}, ""),
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.permutations("abc"),
    st.integers(0, 10),
    st.lists(st.tuples(st.sampled_from(FAILURES), st.sampled_from(["again", "elsewhere", "hedge"])), max_size=30),
)
def test_no_request_has_more_attempts_than_allowed_or_leaves_its_plan(plan, retries, moves):
    made = planned("".join(plan), Policy(max_provider_retries=retries))
    attempt = made.start_first()
    for failure, move in moves:
        if attempt is None:
            break
        if move == "hedge":
            hedge = made.starter.start_hedge()
            assert hedge is None or hedge.step.target is not attempt.step.target
        classification, cause = fail(attempt, failure)
        retry = made.planner.retry_same(attempt, classification) if move == "again" else None
        if retry:
            made.planner.mark_retry(retry, classification)
        attempt = made.start_again(retry.step) if retry else made.start_elsewhere(cause)
    tried = [each.step.target.id for each in made.exchange.attempts]
    assert len(tried) <= 1 + retries
    assert set(tried) <= {step.target.id for step in made.exchange.decision.plan}
    assert max(map(tried.count, tried)) <= 3
    for each in made.exchange.attempts:
        outcomes.apply(each, Cancelled(), BREAKER)
    assert not any(
        map(made.exchange.runtime.telemetry.observations.in_flight, made.exchange.runtime.telemetry.observations)
    )
