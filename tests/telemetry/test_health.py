"""The first rule that holds gives the status, whether one target is judged or several as one."""

from __future__ import annotations

import pytest

from proxy.resilience.availability import UNTRIED, Availability, ProbeFailure
from proxy.telemetry.health import HEALTH_WINDOW_S, NO_OUTAGE, Evidence, Member, Outage, disabled_health, evaluate
from proxy.telemetry.observations import Observations, Record

NOW = 1000.0
OUT = ProbeFailure("server_error", "probe: 503", "down", 9.0)
HALF = ProbeFailure("timeout", "probe: x")
EJECTED = Availability(ejected_for_s=1.0, only_failed=True)
FAILED = Availability(only_failed=True)
COOLING = Availability(cooling_for_s=1.0)


class Group:
    """Targets whose answers are numbered together."""

    def __init__(self) -> None:
        self.observations = Observations()

    def member(self, name: str, answers: str = "", standing: Availability = UNTRIED, now: float = NOW) -> Member:
        """`+` is a good answer, `-` a bad one, `>` the beginning of one that has not ended."""
        for answer in answers:
            flight = self.observations.start_attempt(name, now)
            if answer == "+":
                flight.record_finish(now)
            elif answer == ">":
                flight.record_content(now)
            else:
                flight.record_failure("server_error", now, fault=True)
        return Member(standing, self.observations.get(name), self.observations.probes.good_probes(name))


def one(answers: str = "", standing: Availability = UNTRIED, outage: Outage = NO_OUTAGE) -> Evidence:
    return Evidence([Group().member("t", answers, standing)], outage, NOW)


@pytest.mark.parametrize(
    ("found", "status", "reason"),
    [
        (one(), "healthy", None),
        (one("+" * 20), "healthy", None),
        (one("+" * 19 + "-"), "healthy", None),
        (one("+" * 18 + "--"), "degraded", "under 95 % of the answers were good"),
        (one("+" * 17 + "--"), "healthy", None),  # too few to say
        (one("----"), "healthy", None),  # the same
        (one("-----"), "down", "0 of the last 5 answers were good"),
        (one("++---"), "down", "2 of the last 5 answers were good"),
        (one("+++--"), "healthy", None),
        (one("+++---"), "healthy", None),  # half is not under half
        (one("+" * 10 + "-" * 10), "degraded", "under 95 % of the answers were good"),
        (one("+" * 10 + "-" * 11), "down", "9 of the last 20 answers were good"),
        (one("-" * 28), "down", "0 of the last 20 answers were good"),
        (one("-----+"), "degraded", "recovering"),
        (one("-----+-"), "down", "1 of the last 7 answers were good"),
        (one("----->"), "degraded", "recovering"),  # it answers, though that answer has not ended
        (one("----->-"), "down", "0 of the last 6 answers were good"),
        (one(standing=EJECTED), "down", "ejected, and no success since"),
        (one("+" * 9, standing=FAILED), "down", "ejected, and no success since"),
        (one(standing=COOLING), "degraded", "cooling down"),
        (one("+" * 30, Availability(ejected_for_s=1, cooling_for_s=1)), "down", "ejected, and no success since"),
        (one(standing=Availability(probe_failure=OUT, ejected_for_s=1)), "down", "probe: 503"),
        (one(standing=Availability(probe_failure=HALF, cooling_for_s=1)), "degraded", "probe: x"),
        (one("-----", standing=Availability(probe_failure=HALF)), "down", "0 of the last 5 answers were good"),
        (one("++++", outage=Outage(is_over=False)), "degraded", "recovering"),
        (one("-----++", outage=Outage(last_over=5)), "healthy", None),  # what came before a recovery counts no more
    ],
)
def test_the_first_rule_that_holds_gives_the_status(found: Evidence, status: str, reason: str | None) -> None:
    assert evaluate(found) == (status, reason)


def test_a_target_three_times_as_slow_as_usual_is_degraded() -> None:
    record = Record()
    record.trend.samples, record.trend.is_slow = 20, True
    assert evaluate(Evidence([Member(record=record)], NO_OUTAGE, NOW)) == (
        "degraded",
        "first content over three times as slow as usual",
    )


@pytest.mark.parametrize(("slow", "quick", "status"), [(21, 20, "degraded"), (20, 20, "healthy"), (20, 300, "healthy")])
def test_a_group_is_slow_when_most_of_its_first_contents_are(slow: int, quick: int, status: str) -> None:
    records = Record(), Record()
    records[0].trend.samples, records[0].trend.is_slow, records[1].trend.samples = slow, True, quick
    members = [Member(record=record) for record in records]
    for record in records:
        record.tried_at = NOW
    assert evaluate(Evidence(members, NO_OUTAGE, NOW))[0] == status


def test_a_group_is_down_only_when_no_target_is_left_that_traffic_goes_to() -> None:
    group = Group()
    members = [group.member("t", "-----", EJECTED), group.member("u", "+++++++")]
    assert evaluate(Evidence(members, NO_OUTAGE, NOW)) == ("degraded", "some targets are ejected")
    members = [group.member("t", standing=EJECTED), group.member("u", standing=FAILED), Member()]
    assert evaluate(Evidence(members, NO_OUTAGE, NOW)) == ("down", "ejected, and no success since")


def test_answers_of_a_group_are_judged_as_one_sequence() -> None:
    group = Group()
    members = [group.member(name, answers) for name, answers in (("t", "--"), ("u", "-+"), ("v", "--"))]
    assert evaluate(Evidence(members, NO_OUTAGE, NOW)) == ("down", "1 of the last 6 answers were good")
    assert evaluate(Evidence([*members, group.member("w", ">")], NO_OUTAGE, NOW))[1] == "recovering"
    assert [evaluate(Evidence([each], NO_OUTAGE, NOW))[0] for each in members] == ["healthy"] * 3


@pytest.mark.parametrize(
    ("first", "second", "now", "used"),
    [
        (0, 290, 300, "tu"),
        (0, 290, 301, "u"),
        (0, 290, 1e9, "u"),
        (0, 1, 300.5, "tu"),  # those tried together leave together
        (0, 1, 1e9, "tu"),
        (0, 60, 1e9, "tu"),
        (0, 61, 1e9, "u"),
    ],
)
def test_a_target_is_in_use_for_five_minutes_or_for_good_where_traffic_stopped(
    first: float, second: float, now: float, used: str
) -> None:
    group = Group()
    members = {"t": group.member("t", "+", now=first), "u": group.member("u", "+", now=second)}
    assert Evidence([*members.values(), Member()], NO_OUTAGE, now).active == [members[name] for name in used]


def test_probes_stand_in_for_traffic_where_there_is_none() -> None:
    group = Group()
    group.observations.probes.record(("a@eu",), good=True)
    dead = group.member("a@us/m", "+", Availability(probe_failure=OUT), now=NOW - HEALTH_WINDOW_S - 1)
    alive = group.member("a@eu/m")
    assert evaluate(Evidence([dead, alive], NO_OUTAGE, NOW)) == ("degraded", "probe: 503")
    assert evaluate(Evidence([dead], NO_OUTAGE, NOW)) == ("down", "probe: 503")


def test_a_good_probe_after_bad_answers_counts_once_for_all_its_places() -> None:
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
        (Member(FAILED), False),
        (Member(COOLING), False),
        (Member(Availability(probe_failure=HALF)), False),
    ],
)
def test_a_target_is_clean_if_no_rule_can_hold(member: Member, clean: bool) -> None:
    assert member.is_clean(NOW) is clean


def test_a_disabled_one_says_why() -> None:
    assert (disabled_health("KEY is not set").status, disabled_health("KEY is not set").reason) == (
        "disabled",
        "KEY is not set",
    )
