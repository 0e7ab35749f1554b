"""Every form of Retry-After, reset time and duration that providers send is parsed; a Retry-After is at most 300 s."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.retry_after import MAX_RETRY_AFTER_S, parse_duration, parse_reset, parse_retry_after

WALL = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3),
        ({"retry-after": " 3 "}, 3),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "301"}, MAX_RETRY_AFTER_S),
        ({"retry-after": "999999999999999999"}, MAX_RETRY_AFTER_S),
        ({"retry-after": "-1"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e3"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after-ms": "46300", "retry-after": "47"}, 46.3),
        ({"retry-after-ms": "no", "retry-after": "47"}, 47),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:30 GMT"}, 10),
        ({"retry-after": "Tuesday, 14-Nov-23 22:13:30 GMT"}, 10),
        ({"retry-after": "Tue Nov 14 22:13:30 2023"}, 10),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:00 GMT"}, 0),
        ({"retry-after": "Tue, 14 Nov 2033 22:13:00 GMT"}, MAX_RETRY_AFTER_S),
        ({"retry-after": "Tue, 99 Nov 2023 22:13:00 GMT"}, None),
        ({"retry-after": "Tue, 14 Nov 999999 22:13:00 GMT"}, None),
    ],
)
def test_retry_after_is_parsed_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers, WALL) == seconds


def test_a_date_is_ignored_without_the_current_time() -> None:
    assert parse_retry_after({"retry-after": "Tue, 14 Nov 2023 22:13:30 GMT"}) is None


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms"]), st.text()))
def test_no_header_value_gives_a_wait_out_of_bounds(headers: dict[str, str]) -> None:
    seconds = parse_retry_after(headers, WALL)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER_S


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12ms", 0.012),
        ("1s", 1),
        ("6m0s", 360),
        ("1h2m3.5s", 3723.5),
        ("2m59.56s", 179.56),
        ("250µs", 0.00025),
        ("250μs", 0.00025),
        ("7us", 0.000007),
        ("5ns", 5e-9),
        ("", None),
        ("3", None),
        ("-3s", None),
        ("3 s", None),
        ("3s4", None),
        ("s", None),
        ("1.2.3s", None),
        ("3d", None),
    ],
)
def test_go_durations_are_parsed(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360),
        ("30", 30),
        ("1700000030", 30),
        ("2023-11-14T22:13:50Z", 30),
        ("2023-11-14T23:13:50+01:00", 30),
        ("2023-11-14T22:13:50", 30),
        ("2023-11-14T22:13:00Z", 0),
        ("1600000000", 0),
        ("later", None),
        (None, None),
    ],
)
def test_a_reset_is_parsed_in_every_form(text: str | None, seconds: float | None) -> None:
    assert parse_reset(text, WALL) == (None if seconds is None else pytest.approx(seconds))


def test_a_reset_at_a_point_in_time_is_ignored_without_the_current_time() -> None:
    assert [parse_reset(text, None) for text in ("1700000030", "2023-11-14T22:13:50Z")] == [None, None]
    assert [parse_reset(text, None) for text in ("30", "30s")] == [30, 30]
