"""The cost of the attempts so far: exact once it is known, before that an upper bound."""

from __future__ import annotations

import pytest

from proxy.attempts import outcomes
from proxy.attempts.events import Cancelled, Completed, ContentReceived, Failed
from proxy.attempts.spending import clamp_to_ceiling, cost_so_far_usd
from proxy.config.prices import Price
from proxy.errors import UpstreamDisconnected
from proxy.routing.facts import Facts
from proxy.routing.policy import Policy
from tests.attempts.fixtures import BREAKER, planned

PRICE = Price(1e-6, 1e-3, 0.0, 0.0)
CUT = Failed(UpstreamDisconnected("cut"))


def started():
    made = planned("ab", a={"price": PRICE}, b={"price": PRICE})
    made.exchange.facts = Facts("chat", "m", stream=True, prompt_tokens=1000, max_tokens=100)
    return made.start_first()


def apply(attempt, *events):
    for event in events:
        outcomes.apply(attempt, event, BREAKER)


def cut_after_content(attempt):
    apply(attempt, ContentReceived())
    attempt.completion.append_text("x" * 41)
    apply(attempt, CUT)


def complete(attempt):
    attempt.completion.usage = {"prompt_tokens": 2000, "completion_tokens": 10}
    apply(attempt, Completed())


@pytest.mark.parametrize(
    ("end", "usd"),
    [
        (lambda attempt: None, 0.001 + 0.1),
        (complete, 0.002 + 0.01),
        (cut_after_content, 0.001 + 0.011),
        (lambda attempt: apply(attempt, CUT), 0),
        (lambda attempt: apply(attempt, Cancelled(hedge_lost=True)), 0.001),
    ],
    ids=["running", "known", "cut", "refused", "hedge_lost"],
)
def test_the_cost_of_an_attempt_depends_on_how_it_ended(end, usd):
    attempt = started()
    end(attempt)
    assert cost_so_far_usd(attempt.exchange) == pytest.approx(usd)


def test_a_clamped_attempt_costs_at_most_its_clamped_answer():
    attempt = started()
    attempt.step = type(attempt.step)(attempt.step.target, 0.0, 10)
    assert cost_so_far_usd(attempt.exchange) == pytest.approx(0.001 + 0.01)


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
    exchange = started().exchange
    exchange.policy = Policy(max_cost_per_request=ceiling)
    found = clamp_to_ceiling(exchange.decision.plan[1], exchange)
    assert ("excluded" if found is None else found.max_tokens) == result
