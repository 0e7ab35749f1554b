"""The options of failover, as routing.yaml has them."""

from __future__ import annotations

import pytest

from proxy.attempts.settings import AUTO, OFF, AutoOrDuration, FailoverOptions, Hedge


@pytest.mark.parametrize(("text", "when"), [("auto", AUTO), ("off", OFF), ("8s", 8.0), ("250ms", 0.25)])
def test_a_hedge_is_after_auto_off_or_a_duration(text: str, when: float) -> None:
    assert AutoOrDuration.parse(text) == when


@pytest.mark.parametrize("text", ["", "8", "soon", "on"])
def test_anything_else_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        AutoOrDuration.parse(text)


def test_the_default_options() -> None:
    assert FailoverOptions() == FailoverOptions(3, max_retry_after_wait=2.5, hedge=Hedge(AUTO, 0.05), resume="auto")  # type: ignore[arg-type]
