"""The options of failover, as routing.yaml has them."""

from __future__ import annotations

from proxy.attempts.settings import FailoverOptions, Hedge
from proxy.config.auto_duration import AUTO


def test_the_default_options() -> None:
    assert FailoverOptions() == FailoverOptions(3, max_retry_after_wait=2.5, hedge=Hedge(AUTO, 0.05), resume="auto")  # type: ignore[arg-type]
