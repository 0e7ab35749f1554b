"""The drill measures what an outage costs, and the documentation has its results."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from tests.outage_drill import LEFT_OUT, OUTAGES, RATES, Row, measure
from tests.outage_report import PAGE, PLOT, RESULTS, draw, line, merged, with_table
from tests.virtual_time import virtual_time

MEASURED = json.loads(RESULTS.read_text())
ROW = Row("one dead", 10, 606, 2, None, 1.234, 12.3, 1234.5)


@virtual_time
async def test_while_one_provider_is_dead_no_answer_is_lost() -> None:
    row = await measure("one dead", 5, seconds=10)
    assert row.requests >= 50 and row.lost == 0
    assert row.attempts is not None and row.attempts <= 1.2
    assert row.added_ms_p99 < 3000  # a stream that was cut begins again


@virtual_time
async def test_when_all_are_dead_every_request_is_lost_at_once() -> None:
    row = await measure("all dead", 5, seconds=10)
    assert row.requests - row.lost <= 5  # some had their answer when the outage began
    assert row.attempts is not None and row.attempts <= 1.2 and row.added_ms_p99 < 500


def test_the_table_and_the_plot_are_those_of_the_results() -> None:
    assert with_table(PAGE.read_text(), MEASURED) == PAGE.read_text(), "run make outage ARGS=--write"
    assert draw(MEASURED) == PLOT.read_text()


def test_the_results_are_of_every_outage_at_every_rate() -> None:
    measured = {(row["outage"], row["per_second"]) for row in MEASURED}
    assert measured == {(outage, rate) for outage in OUTAGES for rate in RATES} - LEFT_OUT


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: f"{row['outage']} {row['per_second']}")
def test_the_results_hold_what_the_page_promises(row: dict[str, Any]) -> None:
    if row["per_second"] >= 5 and row["attempts"] is not None:
        assert row["attempts"] <= 1.2
    if row["outage"].startswith("one"):
        assert row["lost"] <= row["requests"] / 1000


def test_a_line_has_units() -> None:
    assert line(asdict(ROW)) == "| one dead | 10 | 1.23 | \N{EN DASH} | 12 ms | 1.2 s | 2 of 606 |"


def test_what_is_measured_again_replaces_the_earlier_result() -> None:
    first, second, again = (
        {"outage": name, "per_second": 1, "lost": lost} for name, lost in (("a", 1), ("b", 2), ("a", 0))
    )
    assert merged([first, second], [again]) == [again, second]
