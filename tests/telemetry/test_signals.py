"""A target nobody has tried counts as available."""

from __future__ import annotations

from proxy.telemetry.signals import UNKNOWN, Signal, Signals


def test_a_target_without_a_row_is_unknown_and_available() -> None:
    signals = Signals({"openai@global/m": Signal(available_in_ms=500)})
    assert signals.of("openai@global/m").available_in_ms == 500
    assert signals.of("openai@global/n") is UNKNOWN
    assert (UNKNOWN.available_in_ms, Signals().of("x")) == (0, UNKNOWN)
