"""The options of failover, as they are written."""

from __future__ import annotations

import pytest

from proxy.attempts.settings import AUTO, OFF, Hedge, Settings, When


@pytest.mark.parametrize(("text", "when"), [("auto", AUTO), ("off", OFF), ("8s", 8.0), ("250ms", 0.25)])
def test_a_hedge_is_after_auto_off_or_a_duration(text: str, when: float) -> None:
    assert When.parse(text) == when


@pytest.mark.parametrize("text", ["", "8", "soon", "on"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        When.parse(text)


def test_the_defaults() -> None:
    assert Settings() == Settings(3, retry_after_wait=2.5, hedge=Hedge(AUTO, 0.05), resume="auto")  # type: ignore[arg-type]
