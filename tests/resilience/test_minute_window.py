"""Amounts count for a minute, more than the limit for longer, and can be corrected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.resilience.minute_window import MinuteWindow


def test_amounts_count_until_a_minute_after_the_end_of_their_second() -> None:
    window = MinuteWindow()
    window.add(1, 3, 10.2)
    window.add(1, 3, 20.0)
    assert [window.used(now) for now in (20.0, 70.9, 71.0, 80.9, 81.0)] == [2, 2, 1, 1, 0]


@pytest.mark.parametrize(("amount", "wait_s"), [(0, 0.0), (1, 0.0), (2, 41.0), (3, 51.0), (99, 51.0)])
def test_the_wait_ends_when_enough_has_expired(amount: int, wait_s: float) -> None:
    window = MinuteWindow()
    window.add(1, 3, 10.0)
    window.add(1, 3, 20.0)
    assert window.wait_s(amount, 3, 30.0) == wait_s


def test_more_than_the_limit_fits_into_an_empty_window_and_is_a_debt_of_several_minutes() -> None:
    window = MinuteWindow()
    assert window.wait_s(300, 100, 0.0) == 0.0
    window.add(300, 100, 0.0)
    assert [window.wait_s(1, 100, now) for now in (0.0, 61.0, 180.5, 181.0)] == [181.0, 120.0, 0.5, 0.0]


@pytest.mark.parametrize(("by", "wait_s"), [(0, 61.0), (-50, 0.0), (100, 121.0)])
def test_a_correction_counts_as_if_it_had_been_known_before(by: int, wait_s: float) -> None:
    window = MinuteWindow()
    bucket = window.add(100, 100, 0.0)
    window.correct(bucket, by, 100, 0.0)
    assert (window.used(0.0), window.wait_s(50, 100, 0.0)) == (100 + by, wait_s)


@pytest.mark.parametrize(("by", "used"), [(40, 40), (-40, 0)])
def test_after_a_minute_only_what_was_used_in_excess_still_counts(by: int, used: int) -> None:
    window = MinuteWindow()
    bucket = window.add(100, 100, 0.0)
    window.correct(bucket, by, 100, 300.0)
    assert window.used(300.0) == used


@given(st.lists(st.tuples(st.integers(0, 8), st.floats(0, 30)), max_size=60), st.integers(1, 12))
def test_no_minute_has_more_than_the_limit(requests: list[tuple[int, float]], limit: int) -> None:
    window, now, passed = MinuteWindow(), 0.0, list[tuple[float, int]]()
    for amount, pause_s in requests:
        now += pause_s
        amount = min(amount, limit)
        if window.wait_s(amount, limit, now) == 0:
            window.add(amount, limit, now)
            passed.append((now, amount))
        else:
            now += window.wait_s(amount, limit, now)
            assert window.wait_s(amount, limit, now) == pytest.approx(0, abs=1e-6)
    for start, _ in passed:
        assert sum(amount for then, amount in passed if start <= then < start + 60) <= limit
