"""A target is worse at once and better only after a while; several are as well as they are together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.telemetry.health import (
    HOLDS,
    UNTRIED,
    Evidence,
    Health,
    Healths,
    Settled,
    Standing,
    Trouble,
    disabled,
    evidence,
    judged,
    together,
)
from proxy.telemetry.observations import Record
from proxy.telemetry.window import Bucket

OUT = Trouble("server_error", "probe: 503", "down", 9.0)
RANK = {"healthy": 0, "degraded": 1, "down": 2}


def seen(ok: int = 0, faults: int = 0, standing: Standing = UNTRIED) -> Evidence:
    return Evidence(standing, Bucket(ok=ok, faults=faults), None)


@pytest.mark.parametrize(
    ("found", "status", "reason"),
    [
        (seen(), "healthy", None),
        (seen(ok=20), "healthy", None),
        (seen(ok=19, faults=1), "healthy", None),
        (seen(ok=18, faults=2), "degraded", "uptime under 95 %"),
        (seen(ok=16, faults=4), "degraded", "uptime under 95 %"),
        (seen(ok=15, faults=5), "down", "uptime under 80 %"),
        (seen(ok=0, faults=19), "healthy", None),  # too few to say
        (seen(standing=Standing(ejected_for=1)), "down", "ejected"),
        (seen(standing=Standing(cooling_for=1)), "degraded", "cooling"),
        (seen(standing=Standing(proving=True)), "degraded", "back from an ejection"),
        (seen(ok=30, standing=Standing(ejected_for=1, cooling_for=1)), "down", "ejected"),
        (seen(standing=Standing(trouble=OUT, ejected_for=1)), "down", "probe: 503"),
        (seen(standing=Standing(trouble=Trouble("timeout", "probe: x"), cooling_for=1)), "degraded", "probe: x"),
        (seen(ok=15, faults=5, standing=Standing(trouble=Trouble("timeout", "p"))), "down", "uptime under 80 %"),
    ],
)
def test_a_target_is_as_the_first_rule_that_holds_says(found: Evidence, status: str, reason: str | None) -> None:
    assert judged(found) == (status, reason)


@pytest.mark.parametrize(("samples", "status"), [(19, "healthy"), (20, "degraded")])
def test_a_target_three_times_as_slow_as_usual_is_degraded(samples: int, status: str) -> None:
    record = Record()
    for _ in range(100):
        record.window.at(100).ttft.record(0.2)
    for _ in range(samples):
        record.window.at(3000).ttft.record(0.9)
    assert judged(evidence(record, UNTRIED, 3000))[0] == status


def test_nothing_is_held_against_a_target_nobody_tried() -> None:
    found = evidence(None, UNTRIED, 1)
    assert judged(found) == ("healthy", None)
    assert (found.recent.uptime, found.recent.error_rate, found.recent.latency.mean) == (None, None, None)


def test_worse_is_believed_at_once_and_better_after_five_seconds() -> None:
    settled = Settled()
    for now, status, shown in [
        (0, "healthy", "healthy"),
        (1, "down", "down"),
        (2, "healthy", "down"),
        (6.9, "healthy", "down"),
        (7, "healthy", "healthy"),
        (8, "degraded", "degraded"),
        (9, "healthy", "degraded"),
        (10, "degraded", "degraded"),
        (14, "healthy", "degraded"),
        (19, "healthy", "healthy"),
    ]:
        settled.see(status, status, now)
        assert settled.status == shown, now
    assert (settled.since, settled.reason) == (19, "healthy")


def test_better_goes_no_further_than_what_held_all_the_time() -> None:
    settled = Settled()
    for now, status, shown in [
        (0, "down", "down"),
        (1, "degraded", "down"),
        (5, "healthy", "down"),
        (6, "healthy", "degraded"),
        (10, "healthy", "degraded"),
        (11, "healthy", "healthy"),
    ]:
        settled.see(status, None, now)
        assert settled.status == shown, now


@given(st.lists(st.tuples(st.floats(0, 4), st.sampled_from(sorted(RANK)))))
def test_what_is_shown_is_never_better_than_the_last_five_seconds(steps: list[tuple[float, str]]) -> None:
    settled, now, history = Settled(), 0.0, []
    for wait, status in steps:
        now += wait
        history.append((now, status))
        settled.see(status, None, now)
        recent = [RANK[then] for time, then in history if time > now - HOLDS]
        assert RANK[settled.status] >= max(recent)
        assert RANK[settled.status] <= max(RANK[then] for _, then in history)


def test_whoever_stays_well_becomes_healthy() -> None:
    settled = Settled()
    settled.see("down", None, 0)
    for second in range(1, 13):
        settled.see("healthy", None, second)
    assert settled.status == "healthy"


def test_a_status_is_kept_from_one_look_to_the_next() -> None:
    healths = Healths()
    healths.name(frozenset({"t"}))
    assert healths.of("t", seen(standing=Standing(ejected_for=1)), 0).status == "down"
    after = healths.of("t", seen(ok=3), 1)
    assert (after.status, after.since, after.recent.ok) == ("down", 0, 3)


UP, SLOW, DOWN = Health("healthy"), Health("degraded", "cooling", 5.0), Health("down", "ejected", 3.0)
OFF = disabled("OPENAI_API_KEY is not set")


@pytest.mark.parametrize(
    ("healths", "status", "reason"),
    [
        ([UP], "healthy", None),
        ([UP, UP], "healthy", None),
        ([UP, DOWN], "degraded", "ejected"),
        ([SLOW, DOWN], "degraded", "ejected"),
        ([DOWN, DOWN], "down", "ejected"),
        ([UP, SLOW], "degraded", "cooling"),
        ([UP, OFF], "healthy", None),
        ([DOWN, OFF], "down", "ejected"),
        ([OFF, OFF], "disabled", "OPENAI_API_KEY is not set"),
        ([], "disabled", "no target"),
    ],
)
def test_several_are_down_only_together(healths: list[Health], status: str, reason: str | None) -> None:
    whole = together(healths)
    assert (whole.status, whole.reason) == (status, reason)


def test_rates_of_several_are_weighted_by_their_requests() -> None:
    whole = together([Health("healthy", recent=Bucket(ok=99)), Health("healthy", recent=Bucket(faults=1))])
    assert whole.recent.uptime == 0.99
    assert together([UP, DOWN, SLOW]).since == 5.0
