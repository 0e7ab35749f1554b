"""A question about providers is limited by names that the file knows, and any other is refused with those."""

from __future__ import annotations

import pytest

from proxy.control.asked import Asked, asked, written
from proxy.errors import InvalidRequest
from tests.control.seen import file

PATH = "/v1/providers/health"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", Asked(300, None, ())),
        ("?", Asked(300, None, ())),
        ("?window=10s", Asked(10)),
        ("?window=61s", Asked(120)),
        ("?window=60m", Asked(3600)),
        ("?window=1h&model=m", Asked(3600, "m")),
        ("?model=x-*", Asked(300, "x-*")),
        ("?model=x-7", Asked(300, "x-7")),
        ("?model=b%2Fother", Asked(300, "b/other")),
        ("?provider=b,%20a", Asked(300, None, ("b", "a"))),
    ],
)
def test_the_query_says_what_is_asked_about(query: str, found: Asked) -> None:
    assert asked(PATH + query, file()) == found


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
    with pytest.raises(InvalidRequest) as caught:
        asked(PATH + query, file())
    assert caught.value.message == said
    assert caught.value.param == said.partition(":")[0]


def test_too_many_fields_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        asked(PATH + "?" + "&".join(["window=5m"] * 40), file())


@pytest.mark.parametrize(("window", "text"), [(5, "5s"), (45, "45s"), (60, "1m"), (3600, "60m")])
def test_a_window_is_written_as_a_person_would(window: int, text: str) -> None:
    assert written(window) == text


@pytest.mark.parametrize(
    ("limits", "targets", "names"),
    [
        (Asked(), 8, ["a", "b", "off", "idle"]),
        (Asked(providers=("b", "idle")), 3, ["b", "idle"]),
        (Asked(model="n"), 2, ["a"]),
        (Asked(model="n", providers=("b",)), 0, []),
        (Asked(model="x-7"), 1, ["b"]),
        (Asked(model="x-*"), 1, ["b"]),
    ],
)
def test_what_is_in_question_is_limited_to_it(limits: Asked, targets: int, names: list[str]) -> None:
    snapshot = file()
    found = limits.places(snapshot, ["b@global/x-1", "b@global/unheard"])
    assert (len(found), limits.names(snapshot, found)) == (targets, names)
