"""Successful probes in a row are numbered among the answers, once for all regions of an address."""

from __future__ import annotations

from proxy.telemetry.answers import EventSequence
from proxy.telemetry.probe_runs import MAX_KEPT, ProbeRuns


def test_a_failed_probe_ends_the_run_and_only_the_latest_are_kept() -> None:
    runs = ProbeRuns(EventSequence())
    for _ in range(MAX_KEPT + 2):
        runs.record(("a@us", "a@eu"), good=True)
    assert list(runs.good_probes("a@us/m") or ()) == list(runs.good_probes("a@eu/x/y") or ()) == [3, 4, 5, 6, 7]
    runs.record(("a@us",), good=False)
    assert [list(runs.good_probes(target) or ()) for target in ("a@us/m", "a@eu/m")] == [[], [3, 4, 5, 6, 7]]


def test_a_region_that_is_not_probed_has_no_run() -> None:
    runs = ProbeRuns(EventSequence())
    assert runs.good_probes("a@us/m") is None
    runs.record(("a@us",), good=False)
    assert (list(runs.good_probes("a@us/m") or ()), runs.good_probes("a@usa/m")) == ([], None)
    assert runs.good_probes("a@us/m") is not None
    runs.forget(("a@us", "b@us"))
    assert runs.good_probes("a@us/m") is None
