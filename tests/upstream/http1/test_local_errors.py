"""A connection error is local or the provider's by its errno and the routing table."""

from __future__ import annotations

import errno
import os
import socket
import ssl

import pytest

from proxy.errors import EgressError, ParrotError, ResourceExhaustedError
from proxy.upstream.http1 import local_errors
from proxy.upstream.http1.local_errors import (
    has_route,
    local_connect_error,
    local_dns_or_tls_error,
    local_error,
)
from proxy.upstream.http1.resolver import Address

HERE = Address(socket.AF_INET, ("127.0.0.1", 80))
EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}
UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EAFNOSUPPORT}
OTHERS = {errno.ECONNREFUSED, errno.ECONNRESET, errno.ETIMEDOUT, errno.EPIPE}


def kind(error: ParrotError | None) -> type | None:
    return type(error) if error else None


def error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.fixture(params=[True, False], ids=["route", "no route"])
def route(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(local_errors, "has_route", lambda address: request.param)
    return bool(request.param)


@pytest.mark.parametrize("number", sorted(EXHAUSTED))
def test_exhausted_descriptors_or_memory_are_local(number: int, route: bool) -> None:
    for found in (
        local_connect_error(error(number), HERE), local_dns_or_tls_error(error(number), "h"), local_error(error(number), "h"),
    ):  # fmt: skip
        assert kind(found) is ResourceExhaustedError
        assert found and (found.status, found.code) == (503, "sidecar_overloaded")
        assert found.message == f"out of resources: {os.strerror(number).lower()}"
        assert found.headers == {"Retry-After": "1"}


@pytest.mark.parametrize("number", sorted(UNREACHABLE))
def test_unreachable_is_local_only_without_a_route(number: int, route: bool) -> None:
    assert kind(local_connect_error(error(number), HERE)) is (None if route else EgressError)
    assert kind(local_error(error(number), "h")) is (None if route else EgressError)
    assert local_dns_or_tls_error(error(number), "h") is None


def test_no_free_local_port_is_exhaustion_if_there_is_a_route(route: bool) -> None:
    found = local_connect_error(error(errno.EADDRNOTAVAIL), HERE)
    assert kind(found) is (ResourceExhaustedError if route else EgressError)
    assert found and found.message.startswith("no local port is free" if route else "no route to 127.0.0.1: ")


@pytest.mark.parametrize("number", sorted(OTHERS))
def test_other_errors_are_the_remote_sides(number: int, route: bool) -> None:
    assert local_connect_error(error(number), HERE) is local_dns_or_tls_error(error(number), "h") is None
    assert local_error(error(number), "h") is None


@pytest.mark.parametrize("exhausted", [True, False])
@pytest.mark.parametrize("hides", [socket.gaierror(socket.EAI_NONAME, "x"), ssl.SSLCertVerificationError("x")])
def test_lookup_and_tls_errors_are_local_if_descriptors_are_exhausted(
    hides: OSError, exhausted: bool, route: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.descriptors.are_exhausted", lambda: exhausted)
    assert kind(local_dns_or_tls_error(hides, "h")) is (ResourceExhaustedError if exhausted else None)


def test_a_lookup_without_memory_is_exhaustion(route: bool) -> None:
    assert kind(local_dns_or_tls_error(socket.gaierror(socket.EAI_MEMORY, "x"), "h")) is ResourceExhaustedError


def test_an_unreachable_resolver_is_local_without_a_default_route(route: bool) -> None:
    found = local_dns_or_tls_error(socket.gaierror(socket.EAI_AGAIN, "x"), "h")
    assert kind(found) is (None if route else EgressError)


def test_there_is_a_route_to_loopback() -> None:
    assert has_route(HERE)


@pytest.mark.parametrize(
    ("number", "found"),
    [(number, False) for number in sorted(UNREACHABLE)] + [(errno.EMFILE, True), (errno.EACCES, True)],
)
def test_only_unreachable_errors_mean_no_route(number: int, found: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> socket.socket:
        raise error(number)

    monkeypatch.setattr("proxy.upstream.http1.local_errors.socket.socket", fail)
    assert has_route(HERE) is found
