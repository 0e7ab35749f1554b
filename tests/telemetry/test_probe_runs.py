"""Good probes in a row are numbered among the answers, once for all places that an address serves."""

from __future__ import annotations

from proxy.telemetry.answers import EventSequence
from proxy.telemetry.probe_runs import MAX_KEPT, ProbeRuns


def test_a_bad_probe_ends_the_run_and_only_the_latest_are_kept() -> None:
    runs = ProbeRuns(EventSequence())
    for _ in range(MAX_KEPT + 2):
        runs.record(("a@us", "a@eu"), good=True)
    assert list(runs.good_probes("a@us/m") or ()) == list(runs.good_probes("a@eu/x/y") or ()) == [3, 4, 5, 6, 7]
    runs.record(("a@us",), good=False)
    assert (list(runs.good_probes("a@us/m") or ("none",)), len(runs.good_probes("a@eu/m") or ())) == (
        ["none"],
        MAX_KEPT,
    )


def test_a_place_that_is_not_probed_has_no_run() -> None:
    runs = ProbeRuns(EventSequence())
    assert runs.good_probes("a@us/m") is None
    runs.record(("a@us",), good=False)
    assert (runs.good_probes("a@us/m"), runs.good_probes("a@usa/m")) == (runs._runs["a@us"], None)
    runs.forget(("a@us", "b@us"))
    assert runs.good_probes("a@us/m") is None
