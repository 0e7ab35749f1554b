"""Retries and hedges stay within their budgets."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proxy.resilience.budgets import HedgeBudget, RetryBudget


@pytest.mark.parametrize(
    ("active", "retries", "failed_ago_s", "granted"),
    [
        (0, 2, 1.0, True),
        (3, 3, 1.0, False),
        (15, 3, 1.0, False),
        (23, 3, 1.0, True),  # 20 first attempts, 3 retries
        (22, 3, 1.0, False),
        (24, 4, 9.9, False),
        (24, 4, 10.0, True),
        (24, 4, None, True),
        (120, 19, 1.0, True),  # 101 first attempts
        (120, 20, 1.0, False),  # 100 first attempts
    ],
)
def test_retries_are_limited_to_a_fifth_of_the_first_attempts(
    active: int, retries: int, failed_ago_s: float | None, granted: bool
) -> None:
    budget = RetryBudget()
    for _ in range(retries):
        assert budget.try_acquire("t", 0, None)
    assert budget.try_acquire("t", active, failed_ago_s) is granted
    assert budget.in_flight("t") == retries + granted


class RetryMachine(RuleBasedStateMachine):
    """First attempts and retries start and end at two targets that both fail."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = RetryBudget()
        self.first_attempts = {"a": 0, "b": 0}
        self.retries = {"a": 0, "b": 0}

    @rule(target_id=st.sampled_from("ab"), number=st.integers(1, 40))
    def first_attempts_start(self, target_id: str, number: int) -> None:
        self.first_attempts[target_id] += number

    @rule(target_id=st.sampled_from("ab"), failed_ago_s=st.floats(0, 9.99))
    def a_retry_starts_or_not(self, target_id: str, failed_ago_s: float) -> None:
        active = self.first_attempts[target_id] + self.retries[target_id]
        allowed = max(3, self.first_attempts[target_id] // 5)
        granted = self.budget.try_acquire(target_id, active, failed_ago_s)
        assert granted == (self.retries[target_id] < allowed)
        self.retries[target_id] += granted

    @rule(target_id=st.sampled_from("ab"))
    def first_attempts_end(self, target_id: str) -> None:
        self.first_attempts[target_id] = 0

    @precondition(lambda self: any(self.retries.values()))
    @rule()
    def a_retry_ends(self) -> None:
        target_id = max(self.retries, key=self.retries.__getitem__)
        self.retries[target_id] -= 1
        self.budget.release(target_id)

    @invariant()
    def it_keeps_the_counts_of_active_targets_only(self) -> None:
        assert self.budget._in_flight == {target: number for target, number in self.retries.items() if number}


class HedgeMachine(RuleBasedStateMachine):
    """Requests arrive, and hedges start and end."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = HedgeBudget()
        self.requests = self.alone = self.paid = 0

    @rule(number=st.integers(1, 100))
    def requests_arrive(self, number: int) -> None:
        self.requests += number
        for _ in range(number):
            self.budget.deposit()

    @rule()
    def a_hedge_starts_or_not(self) -> None:
        before, running = self.budget.balance, self.budget.in_flight
        granted = self.budget.try_acquire()
        assert granted == (running == 0 or before >= 1)
        self.paid += granted and before >= 1
        self.alone += granted and before < 1

    @precondition(lambda self: self.budget.in_flight)
    @rule()
    def a_hedge_ends(self) -> None:
        self.budget.release()

    @invariant()
    def balance_and_hedges_stay_in_bounds(self) -> None:
        assert 0 <= self.budget.balance <= self.budget.cap
        assert self.budget.in_flight >= 0
        assert self.paid <= self.requests * 0.05 + 1e-6


TestRetries = RetryMachine.TestCase
TestHedges = HedgeMachine.TestCase
TestRetries.settings = TestHedges.settings = settings(max_examples=60, deadline=None)


def test_one_hedge_may_always_start_while_none_is_in_flight() -> None:
    budget = HedgeBudget()
    assert (budget.try_acquire(), budget.try_acquire()) == (True, False)
    budget.release()
    assert budget.try_acquire()


def test_a_hedge_costs_exactly_one_token() -> None:
    budget = HedgeBudget()
    assert budget.try_acquire()
    budget.deposit(1.0)
    assert (budget.try_acquire(), budget.balance, budget.try_acquire()) == (True, 0, False)
