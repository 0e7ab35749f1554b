"""A question about providers is limited by names that the file knows, and any other is refused with those."""

from __future__ import annotations

import pytest

from proxy.control.report_query import ReportQuery, format_window, parse_report_query
from proxy.errors import InvalidRequestError
from tests.control.observed import file

PATH = "/v1/providers/health"


@pytest.mark.parametrize(
    ("query", "found"),
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
def test_the_query_says_what_is_asked_about(query: str, found: ReportQuery) -> None:
    assert parse_report_query(PATH + query, file()) == found


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?windw=5m", "windw: there is no 'windw'; allowed are window, model, provider"),
        ("?window=", "window: '' is not a duration from 5s to 60m"),
        ("?window=4s", "window: '4s' is not a duration from 5s to 60m"),
        ("?window=2h", "window: '2h' is not a duration from 5s to 60m"),
        ("?window=5m&window=5m", "window: is given twice"),
        ("?model=zz", "model: no model 'zz'; allowed are m, n, x-*"),
        ("?provider=c", "provider: no provider 'c'; allowed are a, b, off, idle"),
        ("?provider=a,", "provider: no provider ''; allowed are a, b, off, idle"),
        (f"?{'p' * 999}=1", f"{'p' * 64}: there is no '{'p' * 64}'; allowed are window, model, provider"),
    ],
)
def test_anything_else_is_a_400_that_names_what_is_allowed(query: str, said: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_report_query(PATH + query, file())
    assert caught.value.message == said
    assert caught.value.param == said.partition(":")[0]


def test_too_many_fields_are_refused() -> None:
    with pytest.raises(InvalidRequestError):
        parse_report_query(PATH + "?" + "&".join(["window=5m"] * 40), file())


@pytest.mark.parametrize(("window", "text"), [(5, "5s"), (45, "45s"), (60, "1m"), (3600, "60m")])
def test_a_window_is_written_as_a_person_would(window: int, text: str) -> None:
    assert format_window(window) == text


@pytest.mark.parametrize(
    ("limits", "targets", "names"),
    [
        (ReportQuery(), 8, ["a", "b", "off", "idle"]),
        (ReportQuery(providers=("b", "idle")), 3, ["b", "idle"]),
        (ReportQuery(model="n"), 2, ["a"]),
        (ReportQuery(model="n", providers=("b",)), 0, []),
        (ReportQuery(model="x-7"), 1, ["b"]),
        (ReportQuery(model="x-*"), 1, ["b"]),
    ],
)
def test_what_is_in_question_is_limited_to_it(limits: ReportQuery, targets: int, names: list[str]) -> None:
    snapshot = file()
    found = limits.targets(snapshot, ["b@global/x-1", "b@global/unheard"])
    assert (len(found), limits.provider_names(snapshot, found)) == (targets, names)
