"""Each event of an attempt is recorded once, at its own time."""

from __future__ import annotations

import pytest

from proxy.telemetry.observations import AttemptRecorder, AttemptUsage, Observations, Record
from proxy.telemetry.rate_limit_status import RateLimitStatus


def start(stream: bool = True) -> tuple[Record, AttemptRecorder]:
    observations = Observations()
    recorder = observations.start_attempt("t", 100.0, stream=stream)
    record = observations.get("t")
    assert record is not None and record.in_flight == observations.in_flight("t") == 1
    return record, recorder


def test_a_stream_is_recorded_from_its_start_to_its_end() -> None:
    record, recorder = start()
    assert record.window.sum_over(60, 100).started == 1
    recorder.record_content(100.5)
    total = record.window.sum_over(60, 100.5)
    assert (total.ok, total.ttft.samples, record.in_flight) == (1, 1, 1)
    assert total.ttft.percentile(50) == pytest.approx(0.5, rel=0.05)
    recorder.record_finish(102.5, AttemptUsage(10, 100, 0.25))
    total = record.window.sum_over(60, 102.5)
    assert (total.ok, total.tokens_in, total.tokens_out, total.cost_usd, record.in_flight) == (1, 10, 100, 0.25, 0)
    assert total.latency.mean == 2.5
    assert total.throughput.mean == 50


def test_a_buffered_response_has_no_ttft_and_its_throughput_is_over_its_whole_time() -> None:
    record, recorder = start(stream=False)
    recorder.record_content(102)
    recorder.record_finish(102, AttemptUsage(1, 100))
    total = record.window.sum_over(60, 102)
    assert (total.ok, total.ttft.samples, total.latency.mean, total.throughput.mean) == (1, 0, 2, 50)


def test_a_finish_implies_content() -> None:
    record, recorder = start()
    recorder.record_finish(101)
    assert record.window.sum_over(60, 101).ok == 1


@pytest.mark.parametrize(
    ("trigger", "fault", "failed_at"),
    [("timeout", True, 101), ("rate_limit", False, 101), ("invalid_request", False, None)],
)
def test_a_failure_is_counted_by_its_class(trigger: str, fault: bool, failed_at: float | None) -> None:
    record, recorder = start()
    recorder.record_failure(trigger, 101, fault=fault)
    total = record.window.sum_over(60, 101)
    assert (total.failed, total.faults, total.truncated, total.ok) == ({trigger: 1}, int(fault), 0, 0)
    assert (record.in_flight, record.failed_at) == (0, failed_at)


def test_a_truncated_response_counts_as_one_attempt() -> None:
    record, recorder = start()
    recorder.record_content(101)
    recorder.record_failure("connection_error", 110, fault=True)
    total = record.window.sum_over(60, 110)
    assert (total.ok, total.truncated, total.classified, total.uptime) == (1, 1, 1, 0)


def answers(record: Record) -> list[bool]:
    return [bool(each & 1) for each in record.answers.latest]


def test_an_answer_is_good_or_bad_once_it_has_ended() -> None:
    record, recorder = start()
    recorder.record_content(101)
    assert (answers(record), record.answers.latest_content) == ([], 1)
    recorder.record_finish(110)
    assert answers(record) == [True]
    record, recorder = start()
    recorder.record_content(101)
    recorder.record_failure("connection_error", 110, fault=True)
    assert (answers(record), record.answers.last_bad_at) == ([False], 110)


def test_an_end_without_evidence_is_no_answer() -> None:
    for trigger, good, found in (
        ("rate_limit", False, []),
        ("invalid_request", False, []),
        ("content_filter", True, [True]),
    ):
        record, recorder = start()
        recorder.record_failure(trigger, 101, fault=False, good=good)
        assert answers(record) == found
    record, recorder = start()
    recorder.record_cancel(101)
    assert answers(record) == []
    record, recorder = start()
    recorder.record_content(101)
    recorder.record_cancel(102)
    assert answers(record) == [True]


def test_answers_of_all_targets_are_numbered_in_their_order() -> None:
    observations = Observations()
    first, second = observations.start_attempt("t", 100), observations.start_attempt("u", 100)
    second.record_content(100)
    second.record_finish(101)
    first.record_failure("timeout", 101, fault=True)
    observations.probes.record(("t@us",), good=True)
    records = observations.get("t"), observations.get("u")
    assert [record and list(record.answers.latest) for record in records] == [[2 * 3], [2 * 2 + 1]]
    assert list(observations.probes.good_probes("t@us/m") or ()) == [4] and observations.sequence.last == 4


def test_tried_at_is_the_latest_start_or_end_of_an_attempt() -> None:
    record, recorder = start()
    assert record.tried_at == 100
    recorder.record_content(101)
    assert record.tried_at == 100
    recorder.record_cancel(107)
    assert record.tried_at == 107


@pytest.mark.parametrize("end", ["finished", "failed", "cancelled"])
def test_nothing_is_recorded_after_the_end(end: str) -> None:
    record, recorder = start()
    ends = {
        "finished": lambda: recorder.record_finish(101),
        "failed": lambda: recorder.record_failure("timeout", 101, fault=True),
        "cancelled": lambda: recorder.record_cancel(101),
    }
    ends[end]()
    total = record.window.sum_over(60, 101)
    for again in ends.values():
        again()
    recorder.record_content(102)
    assert record.window.sum_over(60, 102) == total
    assert record.in_flight == 0


def test_a_lost_hedge_records_its_wait_and_a_disconnect_does_not() -> None:
    record, recorder = start()
    recorder.record_cancel(105)
    assert record.window.sum_over(60, 105).ttft.samples == 0
    record, recorder = start()
    recorder.record_cancel(108, hedge_lost=True)
    assert record.window.sum_over(60, 108).ttft.mean == 8
    assert record.window.sum_over(60, 108).classified == 0


def test_every_event_counts_as_a_change() -> None:
    record, recorder = start()
    numbers = [record.changes]
    for act in (
        lambda: recorder.record_content(101),
        lambda: recorder.record_rate_limits(RateLimitStatus(1, 1, 0.5, 200)),
        lambda: recorder.record_finish(102),
    ):
        act()
        numbers.append(record.changes)
    assert numbers == sorted(set(numbers))


def test_an_untried_target_has_no_record() -> None:
    observations = Observations()
    assert (observations.get("t"), observations.in_flight("t"), list(observations)) == (None, 0, [])


def test_pinned_targets_keep_their_record() -> None:
    observations = Observations()
    observations.pin(frozenset({"t"}))
    observations.start_attempt("t", 0)
    for number in range(1001):
        observations.start_attempt(f"p{number}", 0)
    assert observations.get("t") and observations.get("p0") is None
    assert len(list(observations)) == 1001


def labelled() -> Observations:
    return Observations(labels=lambda target: ("a", "us", target))


def started(observations: Observations) -> int:
    return observations.totals()["a", "us", "t"].counts.started


def test_a_forgotten_target_starts_with_a_clean_record_and_the_metrics_keep_what_was_counted() -> None:
    observations = labelled()
    running = observations.start_attempt("t", 0.0)
    observations.start_attempt("t", 0.0).record_failure("server_error", 1.0, fault=True)
    observations.forget(lambda target: target == "t")
    assert observations.get("t") is None and started(observations) == 2
    fresh = observations.start_attempt("t", 2.0)
    running.record_failure("auth_error", 3.0, fault=True)  # the old key's
    record = observations.get("t")
    assert record and (record.failed_at, record.in_flight, record.failing) == (None, 1, False)
    assert observations.totals()["a", "us", "t"].counts.failed == {"server_error": 1, "auth_error": 1}
    fresh.record_finish(4.0)
    assert started(observations) == 3 and observations._retired == []


def test_an_attempt_at_a_replaced_account_is_seen_by_the_metrics_alone() -> None:
    observations = labelled()
    outdated = observations.start_attempt("t", 0.0, is_outdated=True)
    assert (observations.get("t"), observations.in_flight("t"), started(observations)) == (None, 0, 1)
    outdated.record_failure("auth_error", 1.0, fault=True)
    assert observations.totals()["a", "us", "t"].counts.failed == {"auth_error": 1}
    assert observations._retired == [] and observations.get("t") is None
