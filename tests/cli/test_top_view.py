"""A frame says how everybody is, in words and marks as well as colours, and fits the terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from proxy.cli.top_view import SidecarReport, format_duration, render, render_unreachable, sparkline

SPREAD = {"p50": 251.0, "p90": 300.0, "p99": 400.0}
NONE = {"p50": None, "p90": None, "p99": None}
HEALTH = [
    {"name": "openai", "status": "healthy", "reason": None, "rate_limit_usage": 45.4},
    {"name": "cohere", "status": "down", "reason": "ejected", "rate_limit_usage": None},
]
PERFORMANCE = [
    {"name": "openai", "ttft_ms": SPREAD, "latency_ms": SPREAD, "success_rate": 100.0, "requests": 3, "cost_usd": 0.5},
    {"name": "cohere", "ttft_ms": NONE, "latency_ms": NONE, "success_rate": 0.0, "requests": 1, "cost_usd": 0.0},
]
TRY = {
    "at": "2026-03-04T05:06:07.000Z", "model": "gpt-4o", "outcome": "ok", "request_id": "r",
    "attempts": [
        {"provider": "cohere", "region": "eu", "outcome": "connection_error", "status": None, "ms": 1.2},
        {"provider": "openai", "region": "global", "outcome": "ok", "status": None, "ms": 1234.0},
    ],
}  # fmt: skip
ROUTING = {"generation": 3, "hash": "abcdef", "loaded_at": "2026-03-04T05:06:07.000Z"}
SEEN = {"requests": 4, "rescued": 1, "cost_usd": 0.5, "routing": ROUTING, "failovers": [TRY]}


def shown(width, seen=SEEN, health=HEALTH):
    console = Console(file=io.StringIO(), width=width)
    console.print(render(SidecarReport("http://x", health, PERFORMANCE, seen, {"openai": [1.0, None, 2.0]}), width))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [72, 80, 120])
def test_it_says_who_is_how_and_fits(width):
    text = shown(width)
    assert "cohere is down" in text and "■ down ejected" in text and "● healthy" in text
    assert "routing 3, abcdef" in text and "75 %" in text
    assert max(map(len, text.splitlines())) <= width


def test_a_second_try_says_who_failed_and_who_answered():
    assert "gpt-4o  cohere@eu connection error 1.2 ms → openai ok 1.23 s" in shown(120)


def test_only_a_wide_terminal_shows_curves():
    assert "▅ █" in shown(120) and "▅ █" not in shown(80)


def test_quiet_times_are_called_so():
    text = shown(80, {**SEEN, "failovers": []}, HEALTH[:1])
    assert "All is well" in text and "Every request was served at its first try." in text


@pytest.mark.parametrize(
    ("values", "blocks"),
    [([], ""), ([None], " "), ([0.0], "▁"), ([1.0, 2.0, None, 0.0], "▅█ ▁"), ([1.0] * 50, "█" * 16)],
)
def test_a_curve_has_its_highest_value_full_and_gaps_where_nothing_was_measured(values, blocks):
    assert sparkline(values) == blocks


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(None, "-"), (1.234, "1.23 ms"), (999.4, "999 ms"), (999.6, "1.00 s"), (12_345.0, "12.35 s")],
)
def test_durations_are_written_for_people(milliseconds, text):
    assert format_duration(milliseconds) == text


def test_nobody_there_is_said():
    console = Console(file=io.StringIO(), width=80)
    console.print(render_unreachable("http://x", "it is silent"))
    assert console.file.getvalue().strip() == "■ http://x: it is silent; trying again"
