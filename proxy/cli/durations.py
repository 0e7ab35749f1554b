"""Formats durations for people."""

from __future__ import annotations


def format_duration(milliseconds: float | None) -> str:
    """Format milliseconds as ms or s. None is a dash."""
    if milliseconds is None:
        return "-"
    return f"{milliseconds:.3g} ms" if milliseconds < 999.5 else f"{milliseconds / 1000:.2f} s"
