"""Retries and hedges stay within their budgets."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from proxy.resilience.budgets import HedgeBudget, RetryBudget


@pytest.mark.parametrize(
    ("started", "failed_ago_s", "granted"),
    [
        (0, 1.0, 3),
        (15, 1.0, 3),
        (17, 1.0, 3),
        (100, 9.9, 20),
        (100, 10.0, 50),
        (0, None, 50),
    ],
)
def test_retries_at_a_failing_target_are_a_fifth_of_its_other_attempts(
    started: int, failed_ago_s: float | None, granted: int
) -> None:
    budget, starts = RetryBudget(), 0
    for _ in range(50):
        starts += budget.try_acquire("t", started + starts, failed_ago_s, 100.0)
    assert starts == granted


def test_a_token_comes_back_ten_seconds_after_it_was_taken() -> None:
    budget = RetryBudget()
    taken = [budget.try_acquire("t", 0, 0.0, now) for now in (100.0, 101.0, 102.0, 109.9, 110.0, 110.5, 111.0)]
    assert taken == [True, True, True, False, True, False, True]


def test_a_retry_that_does_not_start_returns_its_token_only() -> None:
    budget = RetryBudget()
    for now in (100.0, 100.0, 101.0):
        assert budget.try_acquire("t", 0, 0.0, now)
    budget.refund("t", 101.0)
    budget.refund("t", 102.0)  # this one needed none
    assert [budget.try_acquire("t", 0, 0.0, 103.0) for _ in range(2)] == [True, False]


def test_targets_have_their_own_tokens() -> None:
    budget = RetryBudget()
    assert [budget.try_acquire(target, 0, 0.0, 100.0) for target in "aaaab"] == [True, True, True, False, True]


class HedgeMachine(RuleBasedStateMachine):
    """Requests arrive, time passes, and hedges start."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = HedgeBudget()
        self.now = self.started_at = 100.0
        self.requests = self.hedges = 0

    @rule(number=st.integers(1, 100), seconds=st.floats(0, 100))
    def requests_arrive(self, number: int, seconds: float) -> None:
        self.requests += number
        self.now += seconds
        for _ in range(number):
            self.budget.deposit(0.05, self.now)

    @rule()
    def a_hedge_starts_or_not(self) -> None:
        self.budget.deposit(0.0, self.now)
        before = self.budget.balance
        granted = self.budget.try_acquire(self.now)
        assert granted == (before >= 1)
        self.hedges += granted

    @invariant()
    def balance_and_hedges_stay_in_bounds(self) -> None:
        assert 0 <= self.budget.balance <= 10
        minutes = (self.now - self.started_at) / 60
        assert self.hedges <= 5 + self.requests * 0.05 + minutes + 1e-6


TestHedges = HedgeMachine.TestCase
TestHedges.settings = settings(max_examples=60, deadline=None)


def test_the_first_five_hedges_are_paid_for_and_then_there_is_one_a_minute() -> None:
    budget = HedgeBudget()
    assert [budget.try_acquire(100.0) for _ in range(6)] == [True] * 5 + [False]
    assert [budget.try_acquire(now) for now in (159.0, 160.0, 161.0, 220.0)] == [False, True, False, True]


def test_twenty_requests_pay_for_a_hedge_and_ten_are_saved_at_most() -> None:
    budget = HedgeBudget()
    for _ in range(1000):
        budget.deposit(0.0625, 100.0)
    assert [budget.try_acquire(100.0) for _ in range(11)] == [True] * 10 + [False]
    for _ in range(16):
        budget.deposit(0.0625, 100.0)
    assert budget.try_acquire(100.0)


def test_a_hedge_that_does_not_start_costs_nothing() -> None:
    budget = HedgeBudget()
    for _ in range(9):
        assert budget.try_acquire(100.0)
        budget.refund()
    assert budget.balance == 5
