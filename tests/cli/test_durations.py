"""Durations are written for people."""

from __future__ import annotations

import pytest

from proxy.cli.durations import format_duration


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(None, "-"), (1.234, "1.23 ms"), (999.4, "999 ms"), (999.6, "1.00 s"), (12_345.0, "12.35 s")],
)
def test_durations_are_formatted_with_a_unit(milliseconds: float | None, text: str) -> None:
    assert format_duration(milliseconds) == text
