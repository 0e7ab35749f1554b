"""An account at a limit of the file's is busy until what it used is a minute old."""

from __future__ import annotations

import pytest

from proxy.config.schema import Limits
from proxy.config.snapshot import Provider
from proxy.telemetry.usage import Usage


def provider(**limits: int) -> dict[str, Provider]:
    return {"a": Provider("a", "openai", 1.0, limits=Limits(**limits))}


def test_requests_are_counted_for_a_minute() -> None:
    usage, account = Usage(), provider(requests_per_minute=3)
    for now in (1.0, 2.0, 11.0):
        assert usage.busy(account, now) == {}
        usage.started("a", now)
    assert usage.busy(account, 11.0) == {"a": 54_000}  # the first bucket began at 0 and is over at 65
    assert usage.busy(account, 64.9) == {"a": 100}
    assert usage.busy(account, 65.0) == {}


def test_tokens_are_counted_when_they_are_known() -> None:
    usage, account = Usage(), provider(tokens_per_minute=100)
    usage.started("a", 0.0)
    assert usage.busy(account, 0.0) == {}
    usage.ended("a", 100, 1.0)
    assert "a" in usage.busy(account, 1.0)
    assert usage.busy(account, 70.0) == {}


@pytest.mark.parametrize(("in_flight", "busy"), [(1, False), (2, True), (3, True)])
def test_no_more_attempts_at_once_than_allowed(in_flight: int, busy: bool) -> None:
    usage, account = Usage(), provider(concurrency=2)
    for _ in range(in_flight):
        usage.started("a", 0.0)
    assert ("a" in usage.busy(account, 0.0)) is busy
    for _ in range(in_flight):
        usage.ended("a", 0, 0.0)
    assert usage.busy(account, 0.0) == {}


def test_without_limits_nobody_is_busy() -> None:
    usage = Usage()
    usage.started("a", 0.0)
    assert usage.busy({"a": Provider("a", "openai", 1.0)}, 0.0) == {}
    assert usage.busy(provider(), 0.0) == {}
