"""The cost of attempts so far: exact once it is known, before that an upper bound."""

from __future__ import annotations

import pytest

from proxy.attempts import outcomes
from proxy.attempts.spending import clamp_to_ceiling, cost_so_far_usd
from proxy.config.prices import Price
from proxy.errors import UpstreamDisconnected
from proxy.resilience.breaker import BreakerSettings
from proxy.routing.facts import Facts
from proxy.routing.policy import Policy
from tests.attempts.test_planner import walk

PRICE = Price(1e-6, 1e-3, 0.0, 0.0)


def attempt():
    walked = walk("ab", a={"price": PRICE}, b={"price": PRICE})
    walked.exchange.facts = Facts("chat", "m", stream=True, prompt_tokens=1000, max_tokens=100)
    return walked.start_first()


def fail_midway(made):
    outcomes.record_started(made)
    made.completion.append_text("x" * 41)
    outcomes.record_failure(made, UpstreamDisconnected("cut"), BreakerSettings())


def finish(made):
    made.completion.usage = {"prompt_tokens": 2000, "completion_tokens": 10}
    outcomes.record_finished(made)


@pytest.mark.parametrize(
    ("end", "usd"),
    [
        (lambda made: None, 0.001 + 0.1),
        (finish, 0.002 + 0.01),
        (fail_midway, 0.001 + 0.011),
        (lambda made: outcomes.record_failure(made, UpstreamDisconnected("no"), BreakerSettings()), 0),
        (lambda made: outcomes.record_cancelled(made, hedge_lost=True), 0.001),
    ],
    ids=["running", "known", "cut", "refused", "hedge_lost"],
)
def test_the_cost_of_an_attempt_depends_on_how_it_ended(end, usd):
    made = attempt()
    end(made)
    assert cost_so_far_usd(made.exchange) == pytest.approx(usd)


def test_a_clamped_attempt_costs_at_most_its_clamped_answer():
    made = attempt()
    made.step = type(made.step)(made.step.target, 0.0, 10)
    assert cost_so_far_usd(made.exchange) == pytest.approx(0.001 + 0.01)


@pytest.mark.parametrize(
    ("ceiling", "result"),
    [
        (None, None),
        (0.21, None),  # the first attempt costs at most 0.101, and so does the second
        (0.1521, 50),
        (0.1171, "excluded"),  # 15 tokens are left
        (0.05, "excluded"),
    ],
)
def test_a_further_attempt_gets_what_the_first_leaves_of_the_ceiling(ceiling, result):
    exchange = attempt().exchange
    exchange.policy = Policy(max_cost_per_request=ceiling)
    found = clamp_to_ceiling(exchange.decision.plan[1], exchange)
    assert ("excluded" if found is None else found.max_tokens) == result
