"""A frame of `parrot top` shows statuses in words and marks, and fits the terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from proxy.cli.top_view import SidecarReport, render, render_unreachable, sparkline

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
FAILOVER = {
    "at": "2026-03-04T05:06:07.000Z", "model": "gpt-4o", "outcome": "ok", "request_id": "r",
    "attempts": [
        {"provider": "cohere", "region": "eu", "outcome": "connection_error", "status": None, "ms": 1.2},
        {"provider": "openai", "region": "global", "outcome": "ok", "status": None, "ms": 1234.0},
    ],
}  # fmt: skip
ROUTING = {"generation": 3, "hash": "abcdef", "loaded_at": "2026-03-04T05:06:07.000Z"}
ACTIVITY = {"requests": 4, "failover_count": 1, "cost_usd": 0.5, "routing": ROUTING, "failovers": [FAILOVER]}


def draw(width, activity=ACTIVITY, health=HEALTH):
    console = Console(file=io.StringIO(), width=width)
    console.print(render(SidecarReport("http://x", health, PERFORMANCE, activity, {"openai": [1.0, None, 2.0]}), width))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [72, 80, 120])
def test_the_frame_shows_statuses_and_fits_the_terminal(width):
    text = draw(width)
    assert "cohere is down" in text and "■ down ejected" in text and "● healthy" in text
    assert "config generation 3 (abcdef)" in text and "75 %" in text
    assert max(map(len, text.splitlines())) <= width


def test_a_failover_shows_each_attempt():
    assert "gpt-4o  cohere@eu connection error 1.2 ms → openai ok 1.23 s" in draw(120)


def test_only_a_wide_terminal_shows_sparklines():
    assert "▅ █" in draw(120) and "▅ █" not in draw(80)


def test_without_problems_the_frame_says_so():
    text = draw(80, {**ACTIVITY, "failovers": []}, HEALTH[:1])
    assert "All providers are healthy" in text and "No failovers yet." in text


@pytest.mark.parametrize(
    ("values", "blocks"),
    [([], ""), ([None], " "), ([0.0], "▁"), ([1.0, 2.0, None, 0.0], "▅█ ▁"), ([1.0] * 50, "█" * 16)],
)
def test_a_sparkline_is_scaled_to_its_highest_value_with_gaps_for_none(values, blocks):
    assert sparkline(values) == blocks


def test_an_unreachable_sidecar_is_draw():
    console = Console(file=io.StringIO(), width=80)
    console.print(render_unreachable("http://x", "timeout"))
    assert console.file.getvalue().strip() == "■ http://x: timeout; retrying"
