"""A window sums up what happened in it, whatever the times were."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from proxy.telemetry.window import MAX_WINDOW_S, Bucket, Ring, Window, round_up_to_buckets


@pytest.mark.parametrize(
    ("seconds", "rounded"),
    [(-1, 5), (0, 5), (1, 5), (5, 5), (5.1, 10), (10, 10), (60, 60), (61, 120), (300, 300), (3600, 3600), (9e9, 3600)],
)
def test_a_window_is_rounded_up_to_whole_buckets(seconds: float, rounded: int) -> None:
    assert round_up_to_buckets(seconds) == rounded


class WindowMachine(RuleBasedStateMachine):
    """Compares a window with a list of all events; a time before an earlier event counts as that event's time."""

    def __init__(self) -> None:
        super().__init__()
        self.window = Window()
        self.happened: list[tuple[float, str, int]] = []
        self.latest = float("-inf")
        self.now = 0.0

    @initialize(start=st.floats(0, 1e6))
    def start(self, start: float) -> None:
        self.now = start

    @rule(seconds=st.one_of(st.floats(0, 7), st.floats(0, 200), st.floats(0, 8000), st.floats(-500, 0)))
    def time_passes(self, seconds: float) -> None:
        self.now = max(0.0, self.now + seconds)

    @rule(tokens=st.integers(0, 1000))
    def an_answer_ends(self, tokens: int) -> None:
        bucket = self.window.at(self.now)
        bucket.ok += 1
        bucket.tokens_out += tokens
        bucket.latency.record(tokens + 1.0)
        self._note("ok", tokens)

    @rule(trigger=st.sampled_from(["timeout", "rate_limit"]))
    def an_attempt_fails(self, trigger: str) -> None:
        bucket = self.window.at(self.now)
        bucket.failed[trigger] = bucket.failed.get(trigger, 0) + 1
        self._note(trigger, 0)

    def _note(self, what: str, tokens: int) -> None:
        self.latest = max(self.latest, self.now)
        self.happened.append((self.latest, what, tokens))

    @rule(seconds=st.sampled_from([5, 17, 60, 61, 300, 3600]))
    def sums_equal_the_events(self, seconds: int) -> None:
        self._check(seconds, self.window.sum_over(seconds, self.now))

    def _check(self, seconds: float, total: Bucket) -> None:
        step = 5 if seconds <= 60 else 60
        oldest = int(max(self.now, self.latest) // step) - round_up_to_buckets(seconds) // step
        inside = [(what, tokens) for time, what, tokens in self.happened if int(time // step) > oldest]
        answers = [tokens for what, tokens in inside if what == "ok"]
        assert (total.ok, total.tokens_out, total.latency.samples) == (len(answers), sum(answers), len(answers))
        for trigger in ("timeout", "rate_limit"):
            assert total.failed.get(trigger, 0) == sum(what == trigger for what, _ in inside)

    @invariant()
    def the_number_of_buckets_is_bounded(self) -> None:
        assert len(self.window._fine._buckets) <= 12
        assert len(self.window._coarse._buckets) <= 60


TestWindow = WindowMachine.TestCase
TestWindow.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)


def test_reading_does_not_change_the_window() -> None:
    window = Window()
    window.at(100).ok += 1
    window.sum_over(60, 10_000)
    assert window.sum_over(60, 101).ok == 1


def test_a_bucket_ends_where_the_next_begins() -> None:
    window = Window()
    for now in (100, 104.9, 105):
        window.at(now).ok += 1
    assert [window.sum_over(seconds, 105).ok for seconds in (5, 10)] == [1, 3]


def test_a_window_of_a_minute_crosses_the_minute() -> None:
    window = Window()
    for now in (54, 59, 61):
        window.at(now).ok += 1
    assert [window.sum_over(seconds, 61).ok for seconds in (60, 61)] == [3, 3]
    assert [window.sum_over(seconds, 119).ok for seconds in (60, 61)] == [1, 3]


def test_a_clock_that_jumps_back_stands_still() -> None:
    window = Window()
    for now in (100, 107, 101):
        window.at(now).ok += 1
    assert [window.sum_over(5, now).ok for now in (101, 107, 111)] == [2, 2, 0]


def test_a_cleared_ring_can_start_again_at_an_earlier_time() -> None:
    ring = Ring(5, 12, Bucket)
    ring.at(100).ok += 1
    ring.clear()
    ring.at(50).ok += 1
    assert [bucket.ok for bucket in ring.last(12, 50)] == [1]


@pytest.mark.parametrize(
    ("counts", "uptime", "error_rate"),
    [
        ({}, None, None),
        ({"ok": 4}, 1.0, 0.0),
        ({"ok": 3, "faults": 1}, 0.75, 0.25),
        ({"ok": 4, "faults": 1, "truncated": 1}, 0.75, 0.25),  # four attempts, one of them truncated later
        ({"ok": 0, "faults": 1, "truncated": 1}, 0.0, 1.0),  # its first content is outside the window
        ({"ok": 3, "failed": {"rate_limit": 1}}, 1.0, 0.25),
        ({"failed": {"rate_limit": 1}}, None, 1.0),
        ({"ok": 1, "failed": {"invalid_request": 5}}, 1.0, 0.0),
    ],
)
def test_rates_are_those_of_classified_attempts(
    counts: dict[str, int], uptime: float | None, error_rate: float | None
) -> None:
    bucket = Bucket(**counts)
    assert (bucket.uptime, bucket.error_rate) == (uptime, error_rate)


def test_the_lifetime_sum_never_falls() -> None:
    window = Window()
    assert window.lifetime().ok == 0
    for now in (0.0, 1.0, 7.0, 4000.0, 3999.0, 90000.0):
        window.at(now).ok += 1
    assert (window.lifetime().ok, window.sum_over(MAX_WINDOW_S, 90000.0).ok) == (6, 1)
