"""An untried target counts as available; the signal of any other holds what is known at that moment."""

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


class Targets:
    """A signal cache over observations and availability of targets."""

    def __init__(self) -> None:
        self.availability: dict[str, Availability] = {}
        self.observations = Observations()
        self.cache = SignalCache(self.observations, lambda target, now: self.availability.get(target, UNTRIED))

    def answer(self, now: float, ttft: float = 0.5, target: str = "t") -> None:
        recorder = self.observations.start_attempt(target, now)
        recorder.record_content(now + ttft)
        recorder.record_finish(now + ttft, AttemptUsage())


def test_a_target_without_a_signal_counts_as_untried_and_available() -> None:
    table = SignalTable({"openai@global/m": Signal(available_in_ms=500)})
    assert table.get("openai@global/m").available_in_ms == 500
    assert table.get("openai@global/n") is UNTRIED_SIGNAL
    assert (UNTRIED_SIGNAL.available_in_ms, Signals().table.get("x")) == (0, UNTRIED_SIGNAL)
    assert Targets().cache.table_at(0).get("x") is UNTRIED_SIGNAL


def test_probe_failures_apply_to_untried_targets() -> None:
    targets = Targets()
    targets.cache.probe_failures = {"a@us": ProbeFailure("timeout", "probe: x")}
    targets.availability["a@us/m"] = Availability(probe_failure=targets.cache.probe_failures["a@us"], probe_hold_s=1.5)
    signal = targets.cache.table_at(100).get("a@us/m")
    assert (signal.available_in_ms, signal.degraded) == (1500, True)
    assert signal.availability.probe_failure is targets.cache.probe_failures["a@us"]
    assert targets.cache.table_at(100).get("b@us/m") is UNTRIED_SIGNAL


def test_a_signal_holds_what_was_observed() -> None:
    targets = Targets()
    for _ in range(10):
        targets.answer(100)
    signal = targets.cache.table_at(101).get("t")
    assert (signal.degraded, signal.available_in_ms) == (False, 0)
    assert (signal.performance.window_s, signal.performance.ttft_ms.samples) == (300, 10)
    assert signal.performance.ttft_ms.p50 == signal.performance.ttft_ms.p95 == pytest.approx(500, rel=0.05)
    assert signal.performance.latency_ms.p50 == pytest.approx(500, rel=0.05)
    assert signal.performance.throughput.p50 is None


def test_percentiles_are_those_of_the_requested_window() -> None:
    targets = Targets()
    targets.answer(100, ttft=4)
    targets.answer(160)
    signals = targets.cache.table_at(161)
    short = signals.get("t", 7).performance
    assert (short.window_s, short.ttft_ms.samples, signals.get("t").performance.ttft_ms.samples) == (10, 1, 2)


def test_signals_are_the_same_for_a_quarter_of_a_second() -> None:
    targets = Targets()
    targets.answer(100)
    table = targets.cache.table_at(101)
    signal = table.get("t")
    targets.answer(101)
    assert targets.cache.table_at(101.2) is table and table.get("t") is signal
    assert targets.cache.table_at(101.25) is not table


def test_only_urgent_changes_make_a_new_table_at_once() -> None:
    targets = Targets()
    recorder, other = targets.observations.start_attempt("t", 100), targets.observations.start_attempt("t", 100)
    table = targets.cache.table_at(100)
    recorder.record_failure("timeout", 100, fault=True)
    failed = targets.cache.table_at(100)
    other.record_content(100)
    recovered = targets.cache.table_at(100)
    other.record_rate_limits(RateLimitStatus(1, None, 0.9, 110))
    other.record_finish(100)
    assert targets.cache.table_at(100) is recovered is not failed is not table
    for status in (RateLimitStatus(0, None, 1.0, 110), RateLimitStatus(9, None, 0.1, 110)):
        before = targets.cache.table_at(100)
        targets.observations.start_attempt("t", 100).record_rate_limits(status)
        assert targets.cache.table_at(100) is not before


def test_percentiles_are_computed_at_most_four_times_a_second() -> None:
    targets = Targets()
    targets.answer(100)
    first = targets.cache.table_at(101).get("t").performance
    targets.answer(101)
    assert targets.cache.table_at(101.2).get("t").performance is first
    assert targets.cache.table_at(101.3).get("t").performance.ttft_ms.samples == 2


def test_percentiles_without_changes_are_kept_for_five_seconds() -> None:
    targets = Targets()
    targets.answer(100)
    first = targets.cache.table_at(101).get("t").performance
    assert targets.cache.table_at(105).get("t").performance is first
    assert targets.cache.table_at(1000).get("t").performance.ttft_ms.samples == 0


def test_an_ejection_applies_at_once() -> None:
    targets = Targets()
    targets.answer(100)
    targets.cache.table_at(101).get("t")
    targets.availability["t"] = Availability(ejected_for_s=0.0001, consecutive_failures=5, failed_at=101)
    targets.observations.start_attempt("t", 101).record_failure("timeout", 101, fault=True)
    signal = targets.cache.table_at(101).get("t")
    assert (signal.available_in_ms, signal.degraded, signal.availability.consecutive_failures) == (1, True, 5)


def test_a_target_that_has_become_slow_is_degraded() -> None:
    targets = Targets()
    for now, ttft, times, degraded in ((100, 0.2, 100, False), (3000, 0.9, 30, True)):
        for _ in range(times):
            targets.answer(now, ttft)
        assert targets.cache.table_at(now + 1).get("t").degraded is degraded


def test_time_alone_makes_a_target_available_again() -> None:
    targets = Targets()
    targets.answer(100)
    targets.availability["t"] = Availability(cooling_for_s=0.2)
    assert targets.cache.table_at(101).get("t").available_in_ms == 200
    targets.availability["t"] = UNTRIED
    assert targets.cache.table_at(101.3).get("t").available_in_ms == 0


def test_a_rate_limit_is_part_of_the_signal_until_it_is_reset() -> None:
    targets = Targets()
    targets.observations.start_attempt("t", 100).record_rate_limits(RateLimitStatus(3, None, 0.9, 110))
    rate_limit = targets.cache.table_at(109).get("t").rate_limit
    assert rate_limit is not None and rate_limit.requests == 3
    assert targets.cache.table_at(110).get("t").rate_limit is None


def test_a_bounded_number_of_percentiles_is_recomputed_per_period() -> None:
    known = Targets()
    names = [f"t{number}" for number in range(3 * MAX_RECOMPUTED)]
    for now in (100, 101):
        for name in names:
            known.answer(now, target=name)
        signals = known.cache.table_at(now + 1)
        samples = [signals.get(name).performance.ttft_ms.samples for name in names]
        assert samples.count(1 if now == 100 else 2) == (len(names) if now == 100 else MAX_RECOMPUTED)
    for now in (102.5, 103.0):
        samples = [known.cache.table_at(now).get(name).performance.ttft_ms.samples for name in names]
    assert samples == [2] * len(names)


@pytest.mark.parametrize("pause", [0.3, 6.0])
def test_deferred_percentiles_are_recomputed_first(pause: float) -> None:
    known = Targets()
    names = [f"t{number}" for number in range(2 * MAX_RECOMPUTED + 1)]
    for moment in range(1, 12):
        for name in names:
            known.answer(moment * pause, target=name)
        table = known.cache.table_at(moment * pause + 0.1)
        samples = [table.get(name, 3600).performance.ttft_ms.samples for name in names]
    assert min(samples) >= 8


def test_an_urgent_change_of_one_target_keeps_the_signals_of_the_others() -> None:
    targets = Targets()
    for target in ("t", "other"):
        targets.answer(100, target=target)
    before = targets.cache.table_at(101)
    changed, unchanged = before.get("t"), before.get("other")
    targets.observations.start_attempt("t", 101).record_failure("timeout", 101.1, fault=True)
    after = targets.cache.table_at(101.1)
    assert after.get("other") is unchanged and after.get("t") is not changed
    assert targets.cache.table_at(101.25).get("other") is not unchanged


def test_a_probe_change_recomputes_every_signal() -> None:
    targets = Targets()
    targets.answer(100)
    signal = targets.cache.table_at(101).get("t")
    targets.availability["t"] = Availability(probe_failure=ProbeFailure("timeout", "probe: x"), probe_hold_s=1.5)
    targets.observations.urgent_changes.probe_changes += 1
    assert (signal.available_in_ms, targets.cache.table_at(101).get("t").available_in_ms) == (0, 1500)


def test_the_number_of_cached_percentiles_is_bounded() -> None:
    targets = Targets()
    targets.answer(100)
    table = targets.cache.table_at(101)
    for number in range(MAX_PERCENTILES + 10):
        table.get("t", number / 10)
    assert len(targets.cache._percentiles) <= MAX_PERCENTILES
