"""A target nobody has tried counts as available; of the others a row says what is known at that moment."""

from __future__ import annotations

import pytest

from proxy.telemetry.health import UNTRIED, Standing, Trouble
from proxy.telemetry.observations import Observations, Spent
from proxy.telemetry.remaining import Remaining
from proxy.telemetry.signals import AT_ONCE, ROOM, UNKNOWN, Board, Rows, Signal, Signals


class Known:
    """A board over observations, and what is held against targets."""

    def __init__(self) -> None:
        self.standings: dict[str, Standing] = {}
        self.observations = Observations()
        self.board = Board(self.observations, lambda target, now: self.standings.get(target, UNTRIED))

    def answered(self, now: float, ttft: float = 0.5, target: str = "t") -> None:
        flight = self.observations.started(target, now)
        flight.succeeded(now + ttft)
        flight.finished(now + ttft, Spent())


def test_a_target_without_a_row_is_unknown_and_available() -> None:
    rows = Rows({"openai@global/m": Signal(available_in_ms=500)})
    assert rows.of("openai@global/m").available_in_ms == 500
    assert rows.of("openai@global/n") is UNKNOWN
    assert (UNKNOWN.available_in_ms, Signals().rows.of("x")) == (0, UNKNOWN)
    assert Known().board.at(0).of("x") is UNKNOWN


def test_what_probes_found_counts_for_targets_that_nobody_has_tried() -> None:
    known = Known()
    known.board.troubles = {"a@us": Trouble("timeout", "probe: x")}
    known.standings["a@us/m"] = Standing(trouble=known.board.troubles["a@us"], out_for=1.5)
    row = known.board.at(100).of("a@us/m")
    assert (row.available_in_ms, row.degraded, row.standing.trouble) == (1500, True, known.board.troubles["a@us"])
    assert known.board.at(100).of("b@us/m") is UNKNOWN


def test_a_row_says_what_was_observed() -> None:
    known = Known()
    for _ in range(10):
        known.answered(100)
    row = known.board.at(101).of("t")
    assert (row.degraded, row.available_in_ms) == (False, 0)
    assert (row.performance.window, row.performance.ttft_ms.samples) == (300, 10)
    assert row.performance.ttft_ms.p50 == row.performance.ttft_ms.p95 == pytest.approx(500, rel=0.05)
    assert row.performance.latency_ms.p50 == pytest.approx(500, rel=0.05)
    assert row.performance.throughput.p50 is None


def test_a_window_may_be_asked_for() -> None:
    known = Known()
    known.answered(100, ttft=4)
    known.answered(160)
    signals = known.board.at(161)
    short = signals.of("t", 7).performance
    assert (short.window, short.ttft_ms.samples, signals.of("t").performance.ttft_ms.samples) == (10, 1, 2)


def test_rows_are_the_same_for_a_quarter_of_a_second() -> None:
    known = Known()
    known.answered(100)
    rows = known.board.at(101)
    row = rows.of("t")
    known.answered(101)
    assert known.board.at(101.2) is rows and rows.of("t") is row
    assert known.board.at(101.25) is not rows


def test_news_is_known_at_once_and_nothing_else_is_news() -> None:
    known = Known()
    flight, other = known.observations.started("t", 100), known.observations.started("t", 100)
    rows = known.board.at(100)
    flight.failed("timeout", 100, fault=True)
    failed = known.board.at(100)
    other.succeeded(100)
    recovered = known.board.at(100)
    other.heard(Remaining(1, None, 0.9, 110))
    other.finished(100)
    assert known.board.at(100) is recovered is not failed is not rows
    for remaining in (Remaining(0, None, 1.0, 110), Remaining(9, None, 0.1, 110)):
        before = known.board.at(100)
        known.observations.started("t", 100).heard(remaining)
        assert known.board.at(100) is not before


def test_percentiles_are_worked_out_four_times_a_second_at_most() -> None:
    known = Known()
    known.answered(100)
    first = known.board.at(101).of("t").performance
    known.answered(101)
    assert known.board.at(101.2).of("t").performance is first
    assert known.board.at(101.3).of("t").performance.ttft_ms.samples == 2


def test_percentiles_age_while_nothing_happens() -> None:
    known = Known()
    known.answered(100)
    first = known.board.at(101).of("t").performance
    assert known.board.at(105).of("t").performance is first
    assert known.board.at(1000).of("t").performance.ttft_ms.samples == 0


def test_what_is_held_against_a_target_counts_at_once() -> None:
    known = Known()
    known.answered(100)
    known.board.at(101).of("t")
    known.standings["t"] = Standing(ejected_for=0.0001, failures=5, failed_at=101)
    known.observations.started("t", 101).failed("timeout", 101, fault=True)
    row = known.board.at(101).of("t")
    assert (row.available_in_ms, row.degraded, row.standing.failures) == (1, True, 5)


def test_a_target_that_has_become_slow_is_degraded() -> None:
    known = Known()
    for now, ttft, times, degraded in ((100, 0.2, 100, False), (3000, 0.9, 30, True)):
        for _ in range(times):
            known.answered(now, ttft)
        assert known.board.at(now + 1).of("t").degraded is degraded


def test_time_alone_makes_a_target_available_again() -> None:
    known = Known()
    known.answered(100)
    known.standings["t"] = Standing(cooling_for=0.2)
    assert known.board.at(101).of("t").available_in_ms == 200
    known.standings["t"] = UNTRIED
    assert known.board.at(101.3).of("t").available_in_ms == 0


def test_a_rate_limit_counts_until_it_is_whole_again() -> None:
    known = Known()
    known.observations.started("t", 100).heard(Remaining(3, None, 0.9, 110))
    heard = known.board.at(109).of("t").remaining
    assert heard is not None and heard.requests == 3
    assert known.board.at(110).of("t").remaining is None


def test_one_moment_works_out_only_so_many() -> None:
    known = Known()
    targets = [f"t{number}" for number in range(3 * AT_ONCE)]
    for now in (100, 101):
        for target in targets:
            known.answered(now, target=target)
        signals = known.board.at(now + 1)
        samples = [signals.of(target).performance.ttft_ms.samples for target in targets]
        assert samples.count(1 if now == 100 else 2) == (len(targets) if now == 100 else AT_ONCE)
    for now in (102.5, 103.0):
        samples = [known.board.at(now).of(target).performance.ttft_ms.samples for target in targets]
    assert samples == [2] * len(targets)


@pytest.mark.parametrize("pause", [0.3, 6.0])
def test_those_that_waited_are_worked_out_before_those_that_did_not(pause: float) -> None:
    known = Known()
    targets = [f"t{number}" for number in range(2 * AT_ONCE + 1)]
    for moment in range(1, 12):
        for target in targets:
            known.answered(moment * pause, target=target)
        rows = known.board.at(moment * pause + 0.1)
        samples = [rows.of(target, 3600).performance.ttft_ms.samples for target in targets]
    assert min(samples) >= 8


def test_news_of_one_target_leaves_the_rows_of_the_others() -> None:
    known = Known()
    for target in ("t", "other"):
        known.answered(100, target=target)
    before = known.board.at(101)
    told, left = before.of("t"), before.of("other")
    known.observations.started("t", 101).failed("timeout", 101.1, fault=True)
    after = known.board.at(101.1)
    assert after.of("other") is left and after.of("t") is not told
    assert known.board.at(101.25).of("other") is not left


def test_news_of_a_place_makes_every_row_anew() -> None:
    known = Known()
    known.answered(100)
    row = known.board.at(101).of("t")
    known.standings["t"] = Standing(trouble=Trouble("timeout", "probe: x"), out_for=1.5)
    known.observations.news.places += 1
    assert (row.available_in_ms, known.board.at(101).of("t").available_in_ms) == (0, 1500)


def test_what_is_kept_is_bounded() -> None:
    known = Known()
    known.answered(100)
    rows = known.board.at(101)
    for number in range(ROOM + 10):
        rows.of("t", number / 10)
    assert len(known.board._measured) <= ROOM
