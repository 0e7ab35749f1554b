"""Every response says who answered, at what cost, and how long the sidecar itself took."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as altered

from proxy.config.prices import Price
from proxy.exchange import Attempt, Exchange
from proxy.routing.decision import Decision
from proxy.routing.facts import Facts
from proxy.sidecar_headers import sidecar_headers
from tests.fakes import exchange, exchange_with_attempt, planned_exchange, start_attempt


def winner(one: Exchange) -> Attempt:
    assert one.winning_attempt is not None
    return one.winning_attempt


def headers(one: Exchange) -> dict[str, str]:
    """Return the headers of a response that leaves now."""
    return sidecar_headers(one, one.runtime.clock())


def test_every_response_has_headers_even_without_an_attempt() -> None:
    one = exchange()
    assert sidecar_headers(one, 100.25) == {
        "X-Request-Id": "req-1",
        "X-Provider-Attempts": "0",
        "X-Overhead-Ms": "250.0",
    }


def test_the_headers_name_the_winner_and_the_strategy() -> None:
    one = exchange_with_attempt()
    one.warnings += ["one", "two"]
    assert headers(one) == {
        "X-Request-Id": "req-1",
        "X-Provider-Attempts": "1",
        "X-Overhead-Ms": "0.0",
        "X-Routing-Strategy": "automatic",
        "X-Provider": "a",
        "X-Provider-Model": "m-a",
        "X-Provider-Region": "us",
        "X-Routing-Warnings": "one, two",
    }


def test_an_attempt_that_has_not_won_is_not_named() -> None:
    one = planned_exchange()
    start_attempt(one)
    assert {"X-Provider-Attempts": "1"}.items() <= headers(one).items()
    assert not [name for name in headers(one) if name.startswith("X-Provider") and name != "X-Provider-Attempts"]


def test_the_model_of_the_answer_is_preferred_to_the_requested_one() -> None:
    one = exchange_with_attempt()
    winner(one).completion.model = "m-a-2024"
    assert headers(one)["X-Provider-Model"] == "m-a-2024"


@pytest.mark.parametrize(("model", "shown"), [("m\r\nX-Evil: 1\x00", "mX-Evil: 1"), ("m" * 9000, "m" * 256)])
def test_a_model_named_by_a_provider_cannot_break_the_headers(model: str, shown: str) -> None:
    one = exchange_with_attempt()
    winner(one).completion.model = model
    assert headers(one)["X-Provider-Model"] == shown


def test_waiting_for_providers_is_not_overhead() -> None:
    one = exchange_with_attempt()
    one.upstream_wait_s = 2.9
    assert sidecar_headers(one, 103.0)["X-Overhead-Ms"] == "100.0"
    assert one.overhead_ms == 100.0


def test_headers_that_leave_during_a_wait_do_not_count_it_as_overhead() -> None:
    one = exchange()
    one.begin_upstream_wait(101.0)
    assert sidecar_headers(one, 111.0)["X-Overhead-Ms"] == "1000.0"
    one.end_upstream_wait(112.0)
    assert one.upstream_wait_s == 11.0


USAGE = {"prompt_tokens": 100, "completion_tokens": 10}


@pytest.mark.parametrize(
    ("prices", "usages", "cost"),
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
def test_the_cost_is_that_of_all_attempts_once_the_winners_is_known(
    prices: str, usages: list[dict[str, Any] | None], cost: str | None
) -> None:
    one = planned_exchange()
    plan = one.decision.plan
    for price, usage, step in zip(prices, usages, plan, strict=False):
        rate = None if price == "-" else Price.from_per_million(int(price), 2 * int(price))
        one.decision = Decision("m", "automatic", (altered(step, target=replace(step.target, price=rate)),))
        one.winning_attempt = start_attempt(one)
        one.winning_attempt.completion.usage = usage
    assert headers(one).get("X-Request-Cost") == cost
    one.facts = Facts(stream=True)
    assert "X-Request-Cost" not in headers(one)
