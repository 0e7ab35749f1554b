"""An error of the system's is this machine's trouble or the provider's, by its number and by the routing table."""

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


def kind(trouble: ParrotError | None) -> type | None:
    return type(trouble) if trouble else None


def error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.fixture(params=[True, False], ids=["route", "no route"])
def route(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(local_errors, "has_route", lambda address: request.param)
    return bool(request.param)


@pytest.mark.parametrize("number", sorted(EXHAUSTED))
def test_want_of_descriptors_or_memory_is_ours(number: int, route: bool) -> None:
    for trouble in (
        local_connect_error(error(number), HERE), local_dns_or_tls_error(error(number), "h"), local_error(error(number), "h"),
    ):  # fmt: skip
        assert kind(trouble) is ResourceExhaustedError
        assert trouble and (trouble.status, trouble.code) == (503, "sidecar_overloaded")
        assert trouble.message == f"out of resources: {os.strerror(number).lower()}"
        assert trouble.headers == {"Retry-After": "1"}


@pytest.mark.parametrize("number", sorted(UNREACHABLE))
def test_an_address_without_a_route_is_ours_and_one_that_a_router_does_not_reach_is_not(
    number: int, route: bool
) -> None:
    assert kind(local_connect_error(error(number), HERE)) is (None if route else EgressError)
    assert kind(local_error(error(number), "h")) is (None if route else EgressError)
    assert local_dns_or_tls_error(error(number), "h") is None


def test_a_port_that_cannot_be_had_is_exhaustion_where_there_is_a_route(route: bool) -> None:
    trouble = local_connect_error(error(errno.EADDRNOTAVAIL), HERE)
    assert kind(trouble) is (ResourceExhaustedError if route else EgressError)
    assert trouble and trouble.message.startswith("no local port is free" if route else "no route to 127.0.0.1: ")


@pytest.mark.parametrize("number", sorted(OTHERS))
def test_anything_else_is_the_other_side(number: int, route: bool) -> None:
    assert local_connect_error(error(number), HERE) is local_dns_or_tls_error(error(number), "h") is None
    assert local_error(error(number), "h") is None


@pytest.mark.parametrize("exhausted", [True, False])
@pytest.mark.parametrize("hides", [socket.gaierror(socket.EAI_NONAME, "x"), ssl.SSLCertVerificationError("x")])
def test_a_name_or_a_certificate_is_not_to_blame_for_want_of_descriptors(
    hides: OSError, exhausted: bool, route: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.descriptors.are_exhausted", lambda: exhausted)
    assert kind(local_dns_or_tls_error(hides, "h")) is (ResourceExhaustedError if exhausted else None)


def test_a_resolver_that_is_not_reached_is_ours_where_there_is_no_route_at_all(route: bool) -> None:
    trouble = local_dns_or_tls_error(socket.gaierror(socket.EAI_AGAIN, "x"), "h")
    assert kind(trouble) is (None if route else EgressError)


def test_the_routing_table_leads_to_this_machine() -> None:
    assert has_route(HERE)


@pytest.mark.parametrize(
    ("number", "found"),
    [(number, False) for number in sorted(UNREACHABLE)] + [(errno.EMFILE, True), (errno.EACCES, True)],
)
def test_only_a_missing_route_is_none(number: int, found: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> socket.socket:
        raise error(number)

    monkeypatch.setattr("proxy.upstream.http1.local_errors.socket.socket", fail)
    assert has_route(HERE) is found
