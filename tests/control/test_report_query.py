"""The query string of the reports accepts configured names only; an error lists the allowed values."""

from __future__ import annotations

import pytest

from proxy.control.report_query import ReportQuery, format_window, parse_report_query
from proxy.errors import InvalidRequestError
from tests.control.observed import file

PATH = "/v1/providers/health"


@pytest.mark.parametrize(
    ("query", "parsed"),
    [
        ("", ReportQuery(300, None, ())),
        ("?", ReportQuery(300, None, ())),
        ("?window=10s", ReportQuery(10)),
        ("?window=61s", ReportQuery(120)),
        ("?window=60m", ReportQuery(3600)),
        ("?window=1h&model=m", ReportQuery(3600, "m")),
        ("?model=x-*", ReportQuery(300, "x-*")),
        ("?model=x-7", ReportQuery(300, "x-7")),
        ("?model=b%2Fother", ReportQuery(300, "b/other")),
        ("?provider=b,%20a", ReportQuery(300, None, ("b", "a"))),
    ],
)
def test_a_query_string_is_parsed(query: str, parsed: ReportQuery) -> None:
    assert parse_report_query(PATH + query, file()) == parsed


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?windw=5m", "windw: unknown parameter; allowed: window, model, provider"),
        ("?window=", "window: '' is not a duration from 5s to 60m"),
        ("?window=4s", "window: '4s' is not a duration from 5s to 60m"),
        ("?window=2h", "window: '2h' is not a duration from 5s to 60m"),
        ("?window=5m&window=5m", "window: given twice"),
        ("?model=zz", "model: no model 'zz'; allowed: m, n, x-*"),
        ("?provider=c", "provider: no provider 'c'; allowed: a, b, off, idle"),
        ("?provider=a,", "provider: no provider ''; allowed: a, b, off, idle"),
        (f"?{'p' * 999}=1", f"{'p' * 64}: unknown parameter; allowed: window, model, provider"),
    ],
)
def test_an_invalid_query_is_a_400_with_the_allowed_values(query: str, message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_report_query(PATH + query, file())
    assert caught.value.message == message
    assert caught.value.param == message.partition(":")[0]


def test_too_many_parameters_are_an_error() -> None:
    with pytest.raises(InvalidRequestError):
        parse_report_query(PATH + "?" + "&".join(["window=5m"] * 40), file())


@pytest.mark.parametrize(("window", "text"), [(5, "5s"), (45, "45s"), (60, "1m"), (3600, "60m")])
def test_a_window_is_formatted_as_a_duration(window: int, text: str) -> None:
    assert format_window(window) == text


@pytest.mark.parametrize(
    ("query", "targets", "names"),
    [
        (ReportQuery(), 8, ["a", "b", "off", "idle"]),
        (ReportQuery(providers=("b", "idle")), 3, ["b", "idle"]),
        (ReportQuery(model="n"), 2, ["a"]),
        (ReportQuery(model="n", providers=("b",)), 0, []),
        (ReportQuery(model="x-7"), 1, ["b"]),
        (ReportQuery(model="x-*"), 1, ["b"]),
    ],
)
def test_targets_and_providers_are_filtered(query: ReportQuery, targets: int, names: list[str]) -> None:
    snapshot = file()
    found = query.targets(snapshot, ["b@global/x-1", "b@global/unknown"])
    assert (len(found), query.provider_names(snapshot, found)) == (targets, names)
