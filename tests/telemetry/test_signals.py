"""A target nobody has tried counts as available; of the others a row says what is known at that moment."""

from __future__ import annotations

import pytest

from proxy.resilience.availability import UNTRIED, Availability, ProbeFailure
from proxy.telemetry.observations import AttemptUsage, Observations
from proxy.telemetry.rate_limit_status import RateLimitStatus
from proxy.telemetry.signals import (
    MAX_PERCENTILES,
    MAX_RECOMPUTED,
    UNTRIED_SIGNAL,
    Signal,
    SignalCache,
    Signals,
    SignalTable,
)


class Known:
    """A board over observations, and what is held against targets."""

    def __init__(self) -> None:
        self.standings: dict[str, Availability] = {}
        self.observations = Observations()
        self.board = SignalCache(self.observations, lambda target, now: self.standings.get(target, UNTRIED))

    def answered(self, now: float, ttft: float = 0.5, target: str = "t") -> None:
        flight = self.observations.start_attempt(target, now)
        flight.record_content(now + ttft)
        flight.record_finish(now + ttft, AttemptUsage())


def test_a_target_without_a_row_is_unknown_and_available() -> None:
    rows = SignalTable({"openai@global/m": Signal(available_in_ms=500)})
    assert rows.get("openai@global/m").available_in_ms == 500
    assert rows.get("openai@global/n") is UNTRIED_SIGNAL
    assert (UNTRIED_SIGNAL.available_in_ms, Signals().table.get("x")) == (0, UNTRIED_SIGNAL)
    assert Known().board.table_at(0).get("x") is UNTRIED_SIGNAL


def test_what_probes_found_counts_for_targets_that_nobody_has_tried() -> None:
    known = Known()
    known.board.probe_failures = {"a@us": ProbeFailure("timeout", "probe: x")}
    known.standings["a@us/m"] = Availability(probe_failure=known.board.probe_failures["a@us"], probe_hold_s=1.5)
    row = known.board.table_at(100).get("a@us/m")
    assert (row.available_in_ms, row.degraded, row.availability.probe_failure) == (
        1500,
        True,
        known.board.probe_failures["a@us"],
    )
    assert known.board.table_at(100).get("b@us/m") is UNTRIED_SIGNAL


def test_a_row_says_what_was_observed() -> None:
    known = Known()
    for _ in range(10):
        known.answered(100)
    row = known.board.table_at(101).get("t")
    assert (row.degraded, row.available_in_ms) == (False, 0)
    assert (row.performance.window_s, row.performance.ttft_ms.samples) == (300, 10)
    assert row.performance.ttft_ms.p50 == row.performance.ttft_ms.p95 == pytest.approx(500, rel=0.05)
    assert row.performance.latency_ms.p50 == pytest.approx(500, rel=0.05)
    assert row.performance.throughput.p50 is None


def test_a_window_may_be_asked_for() -> None:
    known = Known()
    known.answered(100, ttft=4)
    known.answered(160)
    signals = known.board.table_at(161)
    short = signals.get("t", 7).performance
    assert (short.window_s, short.ttft_ms.samples, signals.get("t").performance.ttft_ms.samples) == (10, 1, 2)


def test_rows_are_the_same_for_a_quarter_of_a_second() -> None:
    known = Known()
    known.answered(100)
    rows = known.board.table_at(101)
    row = rows.get("t")
    known.answered(101)
    assert known.board.table_at(101.2) is rows and rows.get("t") is row
    assert known.board.table_at(101.25) is not rows


def test_news_is_known_at_once_and_nothing_else_is_news() -> None:
    known = Known()
    flight, other = known.observations.start_attempt("t", 100), known.observations.start_attempt("t", 100)
    rows = known.board.table_at(100)
    flight.record_failure("timeout", 100, fault=True)
    failed = known.board.table_at(100)
    other.record_content(100)
    recovered = known.board.table_at(100)
    other.record_rate_limits(RateLimitStatus(1, None, 0.9, 110))
    other.record_finish(100)
    assert known.board.table_at(100) is recovered is not failed is not rows
    for remaining in (RateLimitStatus(0, None, 1.0, 110), RateLimitStatus(9, None, 0.1, 110)):
        before = known.board.table_at(100)
        known.observations.start_attempt("t", 100).record_rate_limits(remaining)
        assert known.board.table_at(100) is not before


def test_percentiles_are_worked_out_four_times_a_second_at_most() -> None:
    known = Known()
    known.answered(100)
    first = known.board.table_at(101).get("t").performance
    known.answered(101)
    assert known.board.table_at(101.2).get("t").performance is first
    assert known.board.table_at(101.3).get("t").performance.ttft_ms.samples == 2


def test_percentiles_age_while_nothing_happens() -> None:
    known = Known()
    known.answered(100)
    first = known.board.table_at(101).get("t").performance
    assert known.board.table_at(105).get("t").performance is first
    assert known.board.table_at(1000).get("t").performance.ttft_ms.samples == 0


def test_what_is_held_against_a_target_counts_at_once() -> None:
    known = Known()
    known.answered(100)
    known.board.table_at(101).get("t")
    known.standings["t"] = Availability(ejected_for_s=0.0001, consecutive_failures=5, failed_at=101)
    known.observations.start_attempt("t", 101).record_failure("timeout", 101, fault=True)
    row = known.board.table_at(101).get("t")
    assert (row.available_in_ms, row.degraded, row.availability.consecutive_failures) == (1, True, 5)


def test_a_target_that_has_become_slow_is_degraded() -> None:
    known = Known()
    for now, ttft, times, degraded in ((100, 0.2, 100, False), (3000, 0.9, 30, True)):
        for _ in range(times):
            known.answered(now, ttft)
        assert known.board.table_at(now + 1).get("t").degraded is degraded


def test_time_alone_makes_a_target_available_again() -> None:
    known = Known()
    known.answered(100)
    known.standings["t"] = Availability(cooling_for_s=0.2)
    assert known.board.table_at(101).get("t").available_in_ms == 200
    known.standings["t"] = UNTRIED
    assert known.board.table_at(101.3).get("t").available_in_ms == 0


def test_a_rate_limit_counts_until_it_is_whole_again() -> None:
    known = Known()
    known.observations.start_attempt("t", 100).record_rate_limits(RateLimitStatus(3, None, 0.9, 110))
    heard = known.board.table_at(109).get("t").rate_limit
    assert heard is not None and heard.requests == 3
    assert known.board.table_at(110).get("t").rate_limit is None


def test_one_moment_works_out_only_so_many() -> None:
    known = Known()
    targets = [f"t{number}" for number in range(3 * MAX_RECOMPUTED)]
    for now in (100, 101):
        for target in targets:
            known.answered(now, target=target)
        signals = known.board.table_at(now + 1)
        samples = [signals.get(target).performance.ttft_ms.samples for target in targets]
        assert samples.count(1 if now == 100 else 2) == (len(targets) if now == 100 else MAX_RECOMPUTED)
    for now in (102.5, 103.0):
        samples = [known.board.table_at(now).get(target).performance.ttft_ms.samples for target in targets]
    assert samples == [2] * len(targets)


@pytest.mark.parametrize("pause", [0.3, 6.0])
def test_those_that_waited_are_worked_out_before_those_that_did_not(pause: float) -> None:
    known = Known()
    targets = [f"t{number}" for number in range(2 * MAX_RECOMPUTED + 1)]
    for moment in range(1, 12):
        for target in targets:
            known.answered(moment * pause, target=target)
        rows = known.board.table_at(moment * pause + 0.1)
        samples = [rows.get(target, 3600).performance.ttft_ms.samples for target in targets]
    assert min(samples) >= 8


def test_news_of_one_target_leaves_the_rows_of_the_others() -> None:
    known = Known()
    for target in ("t", "other"):
        known.answered(100, target=target)
    before = known.board.table_at(101)
    told, left = before.get("t"), before.get("other")
    known.observations.start_attempt("t", 101).record_failure("timeout", 101.1, fault=True)
    after = known.board.table_at(101.1)
    assert after.get("other") is left and after.get("t") is not told
    assert known.board.table_at(101.25).get("other") is not left


def test_news_of_a_place_makes_every_row_anew() -> None:
    known = Known()
    known.answered(100)
    row = known.board.table_at(101).get("t")
    known.standings["t"] = Availability(probe_failure=ProbeFailure("timeout", "probe: x"), probe_hold_s=1.5)
    known.observations.urgent_changes.probe_changes += 1
    assert (row.available_in_ms, known.board.table_at(101).get("t").available_in_ms) == (0, 1500)


def test_what_is_kept_is_bounded() -> None:
    known = Known()
    known.answered(100)
    rows = known.board.table_at(101)
    for number in range(MAX_PERCENTILES + 10):
        rows.get("t", number / 10)
    assert len(known.board._percentiles) <= MAX_PERCENTILES
