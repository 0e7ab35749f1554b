"""The soft limit of descriptors is raised to the hard one, up to a maximum; each client needs two."""

from __future__ import annotations

import errno
import socket

import pytest

from proxy import descriptors
from proxy.descriptors import MAX_DESCRIPTORS, are_exhausted, is_reserved, is_scarce, max_clients, raise_limit

INFINITE = -1


class Limits:
    """Replaces the module `resource`, for one limit."""

    RLIMIT_NOFILE = 7
    RLIM_INFINITY = INFINITE

    def __init__(self, soft: int, hard: int, maximum: int = MAX_DESCRIPTORS * 16) -> None:
        self.limit = (soft, hard)
        self.maximum = maximum

    def getrlimit(self, _: int) -> tuple[int, int]:
        return self.limit

    def setrlimit(self, _: int, limit: tuple[int, int]) -> None:
        if limit[0] > self.maximum:
            raise ValueError("current limit exceeds maximum limit")
        self.limit = limit


@pytest.mark.parametrize(
    ("soft", "hard", "raised"),
    [
        (1024, 4096, 4096),
        (1024, 1024, 1024),
        (1024, 1_000_000, MAX_DESCRIPTORS),
        (1024, INFINITE, MAX_DESCRIPTORS),
        (500_000, 1_000_000, 500_000),
        (INFINITE, INFINITE, INFINITE),
    ],
)
def test_the_soft_limit_is_raised_to_the_hard_limit_or_the_maximum(
    soft: int, hard: int, raised: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(soft, hard)
    monkeypatch.setattr(descriptors, "resource", limits)
    raise_limit()
    assert limits.limit == (raised, hard)


@pytest.mark.parametrize(("maximum", "soft"), [(20_000, 16_384), (300, 256), (100, 256)])
def test_a_rejected_limit_is_halved_until_accepted(maximum: int, soft: int, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(256, INFINITE, maximum)
    monkeypatch.setattr(descriptors, "resource", limits)
    raise_limit()
    assert limits.limit == (soft, INFINITE)


@pytest.mark.parametrize(
    ("soft", "clients"),
    [
        (1024, 480),
        (4096, 2016),
        (3, 1),
        (10, 2),
        (128, 32),
        (INFINITE, (MAX_DESCRIPTORS - 64) // 2),
        (10**6, (MAX_DESCRIPTORS - 64) // 2),
    ],
)
def test_each_client_needs_two_descriptors(soft: int, clients: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "resource", Limits(soft, INFINITE))
    assert max_clients() == clients


@pytest.mark.parametrize(
    ("soft", "first"), [(1024, 960), (100, 50), (INFINITE, MAX_DESCRIPTORS - 64), (10**6, MAX_DESCRIPTORS - 64)]
)
def test_the_highest_descriptors_are_not_for_connections(
    soft: int, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descriptors, "resource", Limits(soft, INFINITE))
    assert not is_reserved(first - 1) and is_reserved(first)
    assert not is_scarce(first // 2) and is_scarce(first - 1)


def test_systems_without_limits_use_the_maximum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "resource", None)
    raise_limit()
    assert max_clients() == (MAX_DESCRIPTORS - 64) // 2
    assert not is_reserved(10**6) and not is_scarce(10**6)


@pytest.mark.parametrize(("number", "exhausted"), [(None, False), (errno.EMFILE, True), (errno.EAFNOSUPPORT, False)])
def test_are_exhausted_if_opening_one_fails(
    number: int | None, exhausted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if number is not None:

        def fail() -> socket.socket:
            raise OSError(number, "x")

        monkeypatch.setattr("proxy.descriptors.socket.socket", fail)
    assert are_exhausted() is exhausted
