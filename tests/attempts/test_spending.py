"""What was spent: the bill where it is known, and never less than what may still come."""

from __future__ import annotations

import pytest

from proxy.attempts import settle
from proxy.attempts.spending import spent
from proxy.config.prices import Price
from proxy.errors import Disconnected
from proxy.resilience.breaker import CircuitBreaker
from proxy.routing.facts import Facts
from tests.attempts.test_walk import walk

PRICE = Price(1e-6, 1e-3, 0.0, 0.0)


def attempt():
    walked = walk("ab", a={"price": PRICE}, b={"price": PRICE})
    walked.exchange.facts = Facts("chat", "m", stream=True, prompt_tokens=1000, max_tokens=100)
    return walked.first()


def cut(made):
    settle.began(made)
    made.answer.say("x" * 41)
    settle.failed(made, Disconnected("cut"), CircuitBreaker())


def known(made):
    made.answer.usage = {"prompt_tokens": 2000, "completion_tokens": 10}
    settle.finished(made)


@pytest.mark.parametrize(
    ("end", "usd"),
    [
        (lambda made: None, 0.001 + 0.1),
        (known, 0.002 + 0.01),
        (cut, 0.001 + 0.011),
        (lambda made: settle.failed(made, Disconnected("no"), CircuitBreaker()), 0),
        (lambda made: settle.abandoned(made, outrun=True), 0.001),
    ],
    ids=["running", "known", "cut", "refused", "outrun"],
)
def test_what_an_attempt_counts_for(end, usd):
    made = attempt()
    end(made)
    assert spent(made.exchange) == pytest.approx(usd)


def test_a_running_attempt_is_cut_to_what_it_was_allowed():
    made = attempt()
    made.step = type(made.step)(made.step.target, 0.0, 10)
    assert spent(made.exchange) == pytest.approx(0.001 + 0.01)
