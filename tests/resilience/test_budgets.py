"""There are never more retries and hedges than were earned."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proxy.resilience.budgets import HedgeBudget, RetryBudget


@pytest.mark.parametrize(
    ("active", "retries", "failed_ago", "granted"),
    [
        (0, 2, 1.0, True),
        (3, 3, 1.0, False),
        (15, 3, 1.0, False),
        (23, 3, 1.0, True),  # 20 firsts, 3 retries
        (22, 3, 1.0, False),
        (24, 4, 9.9, False),
        (24, 4, 10.0, True),
        (24, 4, None, True),
        (120, 19, 1.0, True),  # 101 firsts
        (120, 20, 1.0, False),  # 100 firsts
    ],
)
def test_retries_are_a_fifth_of_the_first_attempts(
    active: int, retries: int, failed_ago: float | None, granted: bool
) -> None:
    budget = RetryBudget()
    for _ in range(retries):
        assert budget.try_acquire("t", 0, None)
    assert budget.try_acquire("t", active, failed_ago) is granted
    assert budget.in_flight("t") == retries + granted


class RetryMachine(RuleBasedStateMachine):
    """Attempts come and go at two targets that both fail."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = RetryBudget()
        self.firsts = {"a": 0, "b": 0}
        self.retries = {"a": 0, "b": 0}

    @rule(at=st.sampled_from("ab"), number=st.integers(1, 40))
    def firsts_begin(self, at: str, number: int) -> None:
        self.firsts[at] += number

    @rule(at=st.sampled_from("ab"), failed_ago=st.floats(0, 9.99))
    def a_retry_asks(self, at: str, failed_ago: float) -> None:
        active = self.firsts[at] + self.retries[at]
        allowed = max(3, self.firsts[at] // 5)
        granted = self.budget.try_acquire(at, active, failed_ago)
        assert granted == (self.retries[at] < allowed)
        self.retries[at] += granted

    @rule(at=st.sampled_from("ab"))
    def firsts_end(self, at: str) -> None:
        self.firsts[at] = 0

    @precondition(lambda self: any(self.retries.values()))
    @rule()
    def a_retry_ends(self) -> None:
        at = max(self.retries, key=self.retries.__getitem__)
        self.retries[at] -= 1
        self.budget.release(at)

    @invariant()
    def it_counts_right_and_keeps_nothing_else(self) -> None:
        assert self.budget._in_flight == {target: number for target, number in self.retries.items() if number}


class HedgeMachine(RuleBasedStateMachine):
    """Requests and hedges come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = HedgeBudget()
        self.requests = self.alone = self.paid = 0

    @rule(number=st.integers(1, 100))
    def requests_come(self, number: int) -> None:
        self.requests += number
        for _ in range(number):
            self.budget.deposit()

    @rule()
    def a_hedge_asks(self) -> None:
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
    def it_stays_in_bounds(self) -> None:
        assert 0 <= self.budget.balance <= self.budget.cap
        assert self.budget.in_flight >= 0
        assert self.paid <= self.requests * 0.05 + 1e-6


TestRetries = RetryMachine.TestCase
TestHedges = HedgeMachine.TestCase
TestRetries.settings = TestHedges.settings = settings(max_examples=60, deadline=None)


def test_one_hedge_is_always_free_when_none_is_in_flight() -> None:
    budget = HedgeBudget()
    assert (budget.try_acquire(), budget.try_acquire()) == (True, False)
    budget.release()
    assert budget.try_acquire()
