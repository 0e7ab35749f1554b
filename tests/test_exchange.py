"""An exchange records a request and its attempts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as altered

from proxy.attempts import outcomes
from proxy.attempts.events import Completed
from proxy.config.prices import Price
from proxy.exchange import Attempt, Exchange
from proxy.resilience.breaker import BreakerSettings
from proxy.routing.decision import Decision
from tests.fakes import PROVIDER_KEY, exchange, exchange_with_attempt, planned_exchange, start_attempt


def winner(one: Exchange) -> Attempt:
    assert one.winning_attempt is not None
    return one.winning_attempt


def test_concurrent_waits_count_once() -> None:
    one = exchange()
    one.begin_upstream_wait(101.0)
    one.begin_upstream_wait(102.0)
    one.end_upstream_wait(103.0)
    one.end_upstream_wait(104.0)
    one.begin_upstream_wait(106.0)
    one.end_upstream_wait(106.5)
    assert one.upstream_wait_s == 3.5


def test_attempts_are_listed_as_they_start() -> None:
    one: Any = planned_exchange()
    one.runtime.clock.now += 1
    first = start_attempt(one)
    one.decision = Decision("m", "automatic", one.decision.plan[1:])
    second = start_attempt(one)
    assert one.attempts == [first, second]
    assert first.started == 101.0
    assert first.completion is not second.completion


def test_an_attempt_as_the_caller_sees_it_has_no_key_and_no_url() -> None:
    attempt = winner(exchange_with_attempt())
    attempt.outcome, attempt.status, attempt.ended = "rate_limit", 429, 100.0125
    shown = attempt.as_json()
    assert shown == {
        "provider": "a", "model": "m-a", "region": "us", "outcome": "rate_limit", "status": 429, "ms": 12.5,
    }  # fmt: skip
    assert PROVIDER_KEY not in str(shown)


def test_an_attempt_that_has_just_started_took_no_time() -> None:
    assert winner(exchange_with_attempt()).as_json()["ms"] == 0.0


def test_the_winner_is_ok_while_its_answer_arrives_and_another_attempt_is_open() -> None:
    one: Any = exchange_with_attempt()
    one.runtime.clock.now += 0.5
    shown = winner(one).as_json()
    assert (shown["outcome"], shown["status"], shown["ms"]) == ("ok", 200, 500.0)
    one.winning_attempt = None
    assert one.attempts[0].as_json()["outcome"] is None


USAGE = {"prompt_tokens": 100, "completion_tokens": 10}


def test_an_attempt_is_priced_again_when_its_usage_changes() -> None:
    one = planned_exchange()
    [step, *_] = one.decision.plan
    one.decision = Decision(
        "m", "automatic", (altered(step, target=replace(step.target, price=Price.from_per_million(1, 2))),)
    )
    attempt = start_attempt(one)
    assert attempt.cost() is None
    attempt.completion.usage = {"prompt_tokens": 100}
    assert attempt.cost() == attempt.cost() == pytest.approx(0.0001)
    attempt.completion.usage = USAGE
    assert attempt.cost() == pytest.approx(0.00012)


def test_the_explanation_has_the_decision_and_the_attempts() -> None:
    explained = exchange_with_attempt().explain()
    assert (explained["request_id"], explained["model"]) == ("req-1", "m")
    assert [step["provider"] for step in explained["plan"]] == list("abc")
    assert [attempt["provider"] for attempt in explained["attempts"]] == ["a"]


@pytest.mark.parametrize(
    ("endpoint", "name"), [("chat", "openai_chat"), ("responses", "openai_responses"), ("", "openai_chat")]
)
def test_the_endpoint_gives_the_client_format(endpoint: str, name: str) -> None:
    one = exchange()
    one.endpoint = endpoint
    assert one.client_format.name == name


def test_a_released_exchange_refers_to_no_attempt() -> None:
    one = exchange_with_attempt()
    outcomes.apply(winner(one), Completed(), BreakerSettings())
    one.release()
    assert one.winning_attempt is None and one.attempts == []
