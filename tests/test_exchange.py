"""An exchange counts its attempts, stamps every answer, and ends once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec.structs import replace as altered

from proxy.config.prices import Price
from proxy.routing.facts import Facts
from tests.fakes import PROVIDER_KEY, exchange, exchange_with_attempt, planned_exchange


def test_every_answer_is_stamped_even_one_without_an_attempt():
    made = exchange()
    made.runtime.clock.now += 0.25
    assert made.response_headers() == {"X-Request-Id": "req-1", "X-Provider-Attempts": "0", "X-Overhead-Ms": "250.0"}


def test_the_stamps_say_who_served_and_how_it_was_chosen():
    made = exchange_with_attempt()
    made.warnings += ["one", "two"]
    assert made.response_headers() == {
        "X-Request-Id": "req-1",
        "X-Provider-Attempts": "1",
        "X-Overhead-Ms": "0.0",
        "X-Routing-Strategy": "automatic",
        "X-Provider": "a",
        "X-Provider-Model": "m-a",
        "X-Provider-Region": "us",
        "X-Routing-Warnings": "one, two",
    }


def test_the_model_that_answered_counts_more_than_the_one_asked_for():
    made = exchange_with_attempt()
    made.winning_attempt.completion.model = "m-a-2024"
    assert made.response_headers()["X-Provider-Model"] == "m-a-2024"


def test_waiting_for_providers_is_no_overhead():
    made = exchange_with_attempt()
    made.runtime.clock.now += 3.0
    made.upstream_wait_s = 2.9
    assert made.response_headers()["X-Overhead-Ms"] == "100.0"
    assert made.overhead_ms == 100.0


def test_an_attempt_is_counted_from_its_beginning():
    made = planned_exchange()
    made.runtime.clock.now += 1
    first = made.start_attempt(made.decision.plan[0])
    second = made.start_attempt(made.decision.plan[1])
    assert made.attempts == [first, second]
    assert first.started == 101.0
    assert first.completion is not second.completion


def test_an_attempt_as_the_caller_sees_it_has_no_key_and_no_url():
    made = exchange_with_attempt()
    made.winning_attempt.outcome, made.winning_attempt.status, made.winning_attempt.ended = "rate_limit", 429, 100.0125
    shown = made.winning_attempt.as_json()
    assert shown == {
        "provider": "a", "model": "m-a", "region": "us", "outcome": "rate_limit", "status": 429, "ms": 12.5,
    }  # fmt: skip
    assert PROVIDER_KEY not in str(shown)


def test_an_attempt_under_way_has_taken_no_time_yet():
    assert exchange_with_attempt().winning_attempt.as_json()["ms"] == 0.0


def test_an_attempt_whose_answer_is_on_its_way_went_well_so_far():
    made = exchange_with_attempt()
    made.runtime.clock.now += 0.5
    shown = made.winning_attempt.as_json()
    assert (shown["outcome"], shown["status"], shown["ms"]) == ("ok", 200, 500.0)
    made.winning_attempt = made.start_attempt(made.decision.plan[1])
    assert made.attempts[0].as_json()["outcome"] is None


USAGE = {"prompt_tokens": 100, "completion_tokens": 10}


@pytest.mark.parametrize(
    "prices, usages, bill",
    [
        ("12", [USAGE, USAGE], "0.00036"),
        ("12", [None, USAGE], "0.00024"),
        ("12", [USAGE, None], None),
        ("-2", [USAGE, USAGE], "0.00024"),
        ("1-", [USAGE, USAGE], None),
        ("12", [], None),
        ("12", [USAGE, {**USAGE, "prompt_tokens_details": 7}], "0.00036"),
        ("12", [USAGE, {"prompt_tokens": "many", "completion_tokens": [], "prompt_tokens_details": []}], "0.00012"),
        ("12", [USAGE, {"prompt_tokens": 10**400}], "0.00012"),
    ],
)
def test_the_bill_is_that_of_all_attempts_once_the_answers_own_is_known(prices, usages, bill):
    made = planned_exchange()
    for price, usage, step in zip(prices, usages, made.decision.plan, strict=False):
        rate = None if price == "-" else Price.from_per_million(int(price), 2 * int(price))
        target = replace(step.target, price=rate)
        made.winning_attempt = made.start_attempt(altered(step, target=target))
        made.winning_attempt.completion.usage = usage
    assert made.response_headers().get("X-Request-Cost") == bill
    made.facts = Facts(stream=True)
    assert "X-Request-Cost" not in made.response_headers()


def test_the_account_is_the_decision_and_what_came_of_it():
    said = exchange_with_attempt().explain()
    assert (said["request_id"], said["model"], [step["provider"] for step in said["plan"]]) == (
        "req-1",
        "m",
        list("abc"),
    )
    assert [attempt["provider"] for attempt in said["attempts"]] == ["a"]


def test_what_asked_last_to_be_called_at_the_end_is_called_first_and_only_once():
    made, called = exchange(), []
    made.on_close(lambda ended: called.append(("first", ended)))
    made.on_close(lambda ended: called.append(("last", ended)))
    made.close()
    made.close()
    assert called == [("last", made), ("first", made)]


def test_of_those_called_at_the_end_one_that_fails_keeps_no_other_from_being_called():
    def fail(ended):
        raise OSError("disk full")

    made, called = exchange(), []
    for act in (called.append, fail, called.append, fail, called.append):
        made.on_close(act)
    with pytest.raises(OSError, match="disk full"):
        made.close()
    assert called == [made] * 3


def test_two_waits_at_once_are_one():
    made = exchange()
    with made.upstream_timer():
        made.runtime.clock.now += 1.0
        with made.upstream_timer():
            made.runtime.clock.now += 1.0
    assert made.upstream_wait_s == 2.0


def test_an_attempt_is_priced_again_when_its_usage_is_told_anew():
    made = planned_exchange()
    step = made.decision.plan[0]
    attempt = made.start_attempt(altered(step, target=replace(step.target, price=Price.from_per_million(1, 2))))
    assert attempt.cost() is None
    attempt.completion.usage = {"prompt_tokens": 100}
    assert attempt.cost() == attempt.cost() == pytest.approx(0.0001)
    attempt.completion.usage = USAGE
    assert attempt.cost() == pytest.approx(0.00012)


def test_what_ends_without_a_word_ended_because_the_client_left():
    assert exchange().outcome == "client_disconnected"


def test_a_model_named_by_a_provider_cannot_break_the_headers():
    made = exchange_with_attempt()
    made.winning_attempt.completion.model = "m\r\nX-Evil: 1\x00"
    assert made.response_headers()["X-Provider-Model"] == "mX-Evil: 1"
    made.winning_attempt.completion.model = "m" * 9000
    assert made.response_headers()["X-Provider-Model"] == "m" * 256
