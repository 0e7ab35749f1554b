"""The first rule that holds gives the status of a single target or of a group."""

from __future__ import annotations

import pytest

from proxy.resilience.availability import UNTRIED, Availability, ProbeFailure
from proxy.telemetry.health import (
    HEALTH_WINDOW_S,
    NO_OUTAGE,
    Evidence,
    Health,
    Member,
    Outage,
    disabled_health,
    evaluate,
)
from proxy.telemetry.observations import Observations, Record

NOW = 1000.0
DOWN = ProbeFailure("server_error", "probe: 503", "down", 9.0)
DEGRADED = ProbeFailure("timeout", "probe: x")
EJECTED = Availability(ejected_for_s=1.0, only_failed=True)
ONLY_FAILED = Availability(only_failed=True)
COOLING = Availability(cooling_for_s=1.0)


class Group:
    """Creates members of a group, with answers in one sequence."""

    def __init__(self) -> None:
        self.observations = Observations()

    def member(self, name: str, answers: str = "", availability: Availability = UNTRIED, now: float = NOW) -> Member:
        """Create a member. `+` is a good answer, `-` a bad one, `>` the first content of one that has not ended."""
        for answer in answers:
            recorder = self.observations.start_attempt(name, now)
            if answer == "+":
                recorder.record_finish(now)
            elif answer == ">":
                recorder.record_content(now)
            else:
                recorder.record_failure("server_error", now, fault=True)
        return Member(availability, self.observations.get(name), self.observations.probes.good_probes(name))


def one(answers: str = "", availability: Availability = UNTRIED, outage: Outage = NO_OUTAGE) -> Evidence:
    return Evidence([Group().member("t", answers, availability)], outage, NOW)


@pytest.mark.parametrize(
    ("evidence", "status", "reason"),
    [
        (one(), "healthy", None),
        (one("+" * 20), "healthy", None),
        (one("+" * 19 + "-"), "healthy", None),
        (one("+" * 18 + "--"), "degraded", "under 95 % of the answers were good"),
        (one("+" * 17 + "--"), "healthy", None),  # too few answers
        (one("----"), "healthy", None),  # the same
        (one("-----"), "down", "0 of the last 5 answers were good"),
        (one("++---"), "down", "2 of the last 5 answers were good"),
        (one("+++--"), "healthy", None),
        (one("+++---"), "healthy", None),  # exactly half
        (one("+" * 10 + "-" * 10), "degraded", "under 95 % of the answers were good"),
        (one("+" * 10 + "-" * 11), "down", "9 of the last 20 answers were good"),
        (one("-" * 28), "down", "0 of the last 20 answers were good"),
        (one("-----+"), "degraded", "recovering"),
        (one("-----+-"), "down", "1 of the last 7 answers were good"),
        (one("----->"), "degraded", "recovering"),  # first content, though that answer has not ended
        (one("----->-"), "down", "0 of the last 6 answers were good"),
        (one(availability=EJECTED), "down", "ejected, and no success since"),
        (one("+" * 9, availability=ONLY_FAILED), "down", "ejected, and no success since"),
        (one(availability=COOLING), "degraded", "cooling down"),
        (one("+" * 30, Availability(ejected_for_s=1, cooling_for_s=1)), "down", "ejected, and no success since"),
        (one(availability=Availability(probe_failure=DOWN, ejected_for_s=1)), "down", "probe: 503"),
        (one(availability=Availability(probe_failure=DEGRADED, cooling_for_s=1)), "degraded", "probe: x"),
        (one("-----", availability=Availability(probe_failure=DEGRADED)), "down", "0 of the last 5 answers were good"),
        (one("++++", outage=Outage(is_over=False)), "degraded", "recovering"),
        (one("-----++", outage=Outage(last_over=5)), "healthy", None),  # answers before a recovery no longer count
    ],
)
def test_the_first_rule_that_holds_gives_the_status(evidence: Evidence, status: str, reason: str | None) -> None:
    assert evaluate(evidence) == (status, reason)


def test_a_target_three_times_as_slow_as_usual_is_degraded() -> None:
    record = Record()
    record.trend.samples, record.trend.is_slow = 20, True
    assert evaluate(Evidence([Member(record=record)], NO_OUTAGE, NOW)) == (
        "degraded",
        "first content over three times as slow as usual",
    )


@pytest.mark.parametrize(("slow", "fast", "status"), [(21, 20, "degraded"), (20, 20, "healthy"), (20, 300, "healthy")])
def test_a_group_is_slow_when_most_of_its_first_contents_come_from_slow_targets(
    slow: int, fast: int, status: str
) -> None:
    records = Record(), Record()
    records[0].trend.samples, records[0].trend.is_slow, records[1].trend.samples = slow, True, fast
    members = [Member(record=record) for record in records]
    for record in records:
        record.tried_at = NOW
    assert evaluate(Evidence(members, NO_OUTAGE, NOW))[0] == status


def test_a_group_is_down_only_when_all_active_targets_are() -> None:
    group = Group()
    members = [group.member("t", "-----", EJECTED), group.member("u", "+++++++")]
    assert evaluate(Evidence(members, NO_OUTAGE, NOW)) == ("degraded", "some targets are ejected")
    members = [group.member("t", availability=EJECTED), group.member("u", availability=ONLY_FAILED), Member()]
    assert evaluate(Evidence(members, NO_OUTAGE, NOW)) == ("down", "ejected, and no success since")


def test_answers_of_a_group_are_evaluated_as_one_sequence() -> None:
    group = Group()
    members = [group.member(name, answers) for name, answers in (("t", "--"), ("u", "-+"), ("v", "--"))]
    assert evaluate(Evidence(members, NO_OUTAGE, NOW)) == ("down", "1 of the last 6 answers were good")
    assert evaluate(Evidence([*members, group.member("w", ">")], NO_OUTAGE, NOW))[1] == "recovering"
    assert [evaluate(Evidence([each], NO_OUTAGE, NOW))[0] for each in members] == ["healthy"] * 3


@pytest.mark.parametrize(
    ("first", "second", "now", "active"),
    [
        (0, 290, 300, "tu"),
        (0, 290, 301, "u"),
        (0, 290, 1e9, "u"),
        (0, 1, 300.5, "tu"),  # tried within a minute of each other
        (0, 1, 1e9, "tu"),
        (0, 60, 1e9, "tu"),
        (0, 61, 1e9, "u"),
    ],
)
def test_a_target_stays_active_for_five_minutes_or_while_there_is_no_traffic(
    first: float, second: float, now: float, active: str
) -> None:
    group = Group()
    members = {"t": group.member("t", "+", now=first), "u": group.member("u", "+", now=second)}
    assert Evidence([*members.values(), Member()], NO_OUTAGE, now).active == [members[name] for name in active]


def test_probed_targets_are_active_without_traffic() -> None:
    group = Group()
    group.observations.probes.record(("a@eu",), good=True)
    dead = group.member("a@us/m", "+", Availability(probe_failure=DOWN), now=NOW - HEALTH_WINDOW_S - 1)
    alive = group.member("a@eu/m")
    assert evaluate(Evidence([dead, alive], NO_OUTAGE, NOW)) == ("degraded", "probe: 503")
    assert evaluate(Evidence([dead], NO_OUTAGE, NOW)) == ("down", "probe: 503")


def test_a_good_probe_of_several_regions_counts_once() -> None:
    group = Group()
    members = [group.member(f"a@{region}/m", "----") for region in ("us", "eu")]
    assert evaluate(Evidence(members, NO_OUTAGE, NOW))[0] == "down"
    for probes in range(1, 6):
        group.observations.probes.record(("a@us", "a@eu"), good=True)
        members = [group.member(f"a@{region}/m") for region in ("us", "eu")]
        assert evaluate(Evidence(members, NO_OUTAGE, NOW))[0] == ("healthy" if probes == 5 else "degraded")


@pytest.mark.parametrize(
    ("member", "clean"),
    [
        (Member(), True),
        (Group().member("t", "+++"), True),
        (Group().member("t", "+-+"), False),
        (Group().member("t", "-" + "+" * 20), False),
        (Group().member("t", "-" + "+" * 20, now=NOW - HEALTH_WINDOW_S), True),
        (Group().member("t", "-" + "+" * 19, now=NOW - HEALTH_WINDOW_S), False),
        (Member(EJECTED), False),
        (Member(ONLY_FAILED), False),
        (Member(COOLING), False),
        (Member(Availability(probe_failure=DEGRADED)), False),
    ],
)
def test_a_target_is_clean_if_no_rule_can_hold(member: Member, clean: bool) -> None:
    assert member.is_clean(NOW) is clean


def test_disabled_health_has_a_reason() -> None:
    assert disabled_health("KEY is not set") == Health("disabled", "KEY is not set")
