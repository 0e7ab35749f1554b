"""What becomes of an attempt is counted once, at its own time."""

from __future__ import annotations

import pytest

from proxy.telemetry.observations import Flight, Observations, Record, Spent
from proxy.telemetry.remaining import Remaining


def begun(stream: bool = True) -> tuple[Record, Flight]:
    observations = Observations()
    flight = observations.started("t", 100.0, stream=stream)
    record = observations.of("t")
    assert record is not None and record.in_flight == observations.in_flight("t") == 1
    return record, flight


def test_a_streamed_answer_is_counted_as_it_comes() -> None:
    record, flight = begun()
    assert record.window.over(60, 100).started == 1
    flight.succeeded(100.5)
    total = record.window.over(60, 100.5)
    assert (total.ok, total.ttft.samples, record.in_flight) == (1, 1, 1)
    assert total.ttft.percentile(50) == pytest.approx(0.5, rel=0.05)
    flight.finished(102.5, Spent(10, 100, 0.25))
    total = record.window.over(60, 102.5)
    assert (total.ok, total.tokens_in, total.tokens_out, total.cost, record.in_flight) == (1, 10, 100, 0.25, 0)
    assert total.latency.mean == 2.5
    assert total.throughput.mean == 50


def test_a_whole_answer_has_no_first_token_and_its_rate_is_over_all_its_time() -> None:
    record, flight = begun(stream=False)
    flight.succeeded(102)
    flight.finished(102, Spent(1, 100))
    total = record.window.over(60, 102)
    assert (total.ok, total.ttft.samples, total.latency.mean, total.throughput.mean) == (1, 0, 2, 50)


def test_a_finished_answer_has_succeeded() -> None:
    record, flight = begun()
    flight.finished(101)
    assert record.window.over(60, 101).ok == 1


@pytest.mark.parametrize(
    ("trigger", "fault", "failed_at"),
    [("timeout", True, 101), ("rate_limit", False, 101), ("invalid_request", False, None)],
)
def test_a_failure_is_counted_by_its_trigger(trigger: str, fault: bool, failed_at: float | None) -> None:
    record, flight = begun()
    flight.failed(trigger, 101, fault=fault)
    total = record.window.over(60, 101)
    assert (total.failed, total.faults, total.broken, total.ok) == ({trigger: 1}, int(fault), 0, 0)
    assert (record.in_flight, record.failed_at) == (0, failed_at)


def test_an_answer_that_is_cut_counts_as_one_attempt() -> None:
    record, flight = begun()
    flight.succeeded(101)
    flight.failed("connection_error", 110, fault=True)
    total = record.window.over(60, 110)
    assert (total.ok, total.broken, total.verdicts, total.uptime) == (1, 1, 1, 0)


def answers(record: Record) -> list[bool]:
    return [bool(each & 1) for each in record.answers.latest]


def test_an_answer_is_good_or_bad_once_it_has_ended() -> None:
    record, flight = begun()
    flight.succeeded(101)
    assert (answers(record), record.answers.begun) == ([], 1)
    flight.finished(110)
    assert answers(record) == [True]
    record, flight = begun()
    flight.succeeded(101)
    flight.failed("connection_error", 110, fault=True)
    assert (answers(record), record.answers.bad_at) == ([False], 110)


def test_what_says_nothing_of_the_target_is_no_answer() -> None:
    for trigger, good, found in (
        ("rate_limit", False, []),
        ("invalid_request", False, []),
        ("content_filter", True, [True]),
    ):
        record, flight = begun()
        flight.failed(trigger, 101, fault=False, good=good)
        assert answers(record) == found
    record, flight = begun()
    flight.abandoned(101)
    assert answers(record) == []
    record, flight = begun()
    flight.succeeded(101)
    flight.abandoned(102)
    assert answers(record) == [True]


def test_answers_of_all_targets_are_numbered_in_their_order() -> None:
    observations = Observations()
    first, second = observations.started("t", 100), observations.started("u", 100)
    second.succeeded(100)
    second.finished(101)
    first.failed("timeout", 101, fault=True)
    observations.probes.record(("t@us",), good=True)
    records = observations.of("t"), observations.of("u")
    assert [record and list(record.answers.latest) for record in records] == [[2 * 3], [2 * 2 + 1]]
    assert list(observations.probes.of("t@us/m") or ()) == [4] and observations.numbering.last == 4


def test_a_target_was_tried_when_an_attempt_last_began_or_ended() -> None:
    record, flight = begun()
    assert record.tried_at == 100
    flight.succeeded(101)
    assert record.tried_at == 100
    flight.abandoned(107)
    assert record.tried_at == 107


@pytest.mark.parametrize("end", ["finished", "failed", "abandoned"])
def test_nothing_counts_after_the_end(end: str) -> None:
    record, flight = begun()
    ends = {
        "finished": lambda: flight.finished(101),
        "failed": lambda: flight.failed("timeout", 101, fault=True),
        "abandoned": lambda: flight.abandoned(101),
    }
    ends[end]()
    total = record.window.over(60, 101)
    for again in ends.values():
        again()
    flight.succeeded(102)
    assert record.window.over(60, 102) == total
    assert record.in_flight == 0


def test_a_caller_that_leaves_says_nothing_and_a_lost_race_says_how_long_at_least() -> None:
    record, flight = begun()
    flight.abandoned(105)
    assert record.window.over(60, 105).ttft.samples == 0
    record, flight = begun()
    flight.abandoned(108, outrun=True)
    assert record.window.over(60, 108).ttft.mean == 8
    assert record.window.over(60, 108).verdicts == 0


def test_everything_that_happens_is_a_change() -> None:
    record, flight = begun()
    seen = [record.changes]
    for act in (
        lambda: flight.succeeded(101),
        lambda: flight.heard(Remaining(1, 1, 0.5, 200)),
        lambda: flight.finished(102),
    ):
        act()
        seen.append(record.changes)
    assert seen == sorted(set(seen))


def test_silence_about_limits_leaves_what_was_heard() -> None:
    record, flight = begun()
    heard = Remaining(5, None, 0.5, 200)
    flight.heard(heard)
    flight.heard(None)
    assert record.remaining is heard


def test_a_target_nobody_tried_has_no_record() -> None:
    observations = Observations()
    assert (observations.of("t"), observations.in_flight("t"), list(observations)) == (None, 0, [])


def test_named_targets_are_remembered() -> None:
    observations = Observations()
    observations.name(frozenset({"t"}))
    observations.started("t", 0)
    for number in range(1001):
        observations.started(f"p{number}", 0)
    assert observations.of("t") and observations.of("p0") is None
    assert len(list(observations)) == 1001
