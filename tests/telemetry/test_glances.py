"""A look at many targets finds what has changed, ejections at once, and adds up only so many windows."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from proxy.telemetry.glances import AT_ONCE, OLD, Glances
from proxy.telemetry.health import Standing, Trouble
from proxy.telemetry.observations import Observations
from proxy.telemetry.signals import Board


@dataclass
class Counted(Observations):
    """Counts the windows that are asked for."""

    standings: dict[str, Standing] = field(default_factory=dict)

    def glances(self) -> Glances:
        return Glances(Board(self, lambda target, now: self.standings.get(target, Standing())))

    def fail(self, target: str, now: float, times: int = 20) -> None:
        for _ in range(times):
            self.started(target, now).failed("server_error", now, fault=True)


def statuses(glances: Glances, targets: list[str], now: float) -> list[str]:
    return [health.status for health in glances.look(targets, now).values()]


def test_whoever_was_never_tried_is_healthy_and_takes_no_work() -> None:
    assert statuses(Counted().glances(), ["a", "b"], 1.0) == ["healthy", "healthy"]


def test_what_happens_shows_in_the_next_look() -> None:
    seen = Counted()
    glances = seen.glances()
    seen.started("a", 0.0).finished(0.0)
    assert statuses(glances, ["a"], 1.0) == ["healthy"]
    seen.fail("a", 1.0)
    assert statuses(glances, ["a"], 1.0) == ["down"]


def test_what_probes_find_shows_in_the_next_look_tried_or_not() -> None:
    seen = Counted()
    glances = seen.glances()
    seen.started("a", 0.0).finished(0.0)
    assert statuses(glances, ["a", "b"], 1.0) == ["healthy", "healthy"]
    seen.standings = dict.fromkeys("ab", Standing(trouble=Trouble("timeout", "probe: x")))
    assert statuses(glances, ["a", "b"], 1.1) == ["degraded", "degraded"]
    record = seen.of("a")
    assert record is not None and record.ejections == 0


def test_the_better_shows_without_anything_happening() -> None:
    seen = Counted(standings={"a": Standing(cooling_for=1.0)})
    glances = seen.glances()
    assert statuses(glances, ["a"], 1.0) == ["degraded"]
    seen.standings.clear()
    assert statuses(glances, ["a"], 2.0) == ["degraded"]
    assert statuses(glances, ["a"], 8.0) == ["healthy"]


def test_of_many_busy_ones_only_so_many_are_added_up_at_once_and_all_have_their_turn() -> None:
    seen = Counted()
    glances = seen.glances()
    targets = [f"t{number}" for number in range(AT_ONCE + 3)]
    for target in targets:
        seen.fail(target, 1.0)
    assert statuses(glances, targets, 1.0).count("down") == AT_ONCE
    assert statuses(glances, targets, 2.0).count("down") == AT_ONCE + 3


@pytest.mark.parametrize(
    "standing", [Standing(ejected_for=2.0), Standing(trouble=Trouble("timeout", "probe: x", "down"), out_for=2.0)]
)
def test_what_keeps_them_out_shows_at_once_however_many_there_are(standing: Standing) -> None:
    targets = [f"t{number}" for number in range(3 * AT_ONCE)]
    seen = Counted(standings=dict.fromkeys(targets, standing))
    for target in targets:
        seen.fail(target, 1.0)
    assert set(statuses(seen.glances(), targets, 1.0)) == {"down"}


def test_an_old_window_is_added_up_again() -> None:
    seen = Counted()
    glances = seen.glances()
    seen.started("a", 0.0).finished(0.0)
    glances.look(["a"], 0.0)
    before = glances._seen["a"]
    glances.look(["a"], OLD / 2)
    assert glances._seen["a"] is before
    glances.look(["a"], OLD)
    assert glances._seen["a"] is not before


def test_each_ejection_is_counted_once_however_often_it_is_seen() -> None:
    seen = Counted()
    glances = seen.glances()
    seen.fail("a", 1.0)
    for now, left in ((1.0, 5.0), (1.3, 4.7), (5.9, 0.1), (6.2, 0.0), (6.5, 10.0), (7.0, 9.5)):
        seen.standings["a"] = Standing(ejected_for=left)
        glances.look(["a"], now)
    record = seen.of("a")
    assert record is not None and record.ejections == 2
