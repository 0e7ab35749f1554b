"""Tells this machine's own trouble from a provider's, by the error of a connection that could not be made."""

from __future__ import annotations

import errno
import socket
import ssl

from proxy import descriptors
from proxy.errors import EXHAUSTION_ERRNOS, EgressError, ParrotError, ResourceExhaustedError
from proxy.upstream.http1.resolver import Address

_UNREACHABLE_ERRNOS = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}
)
_DEFAULT_ROUTE_PROBES = (
    # Documentation prefixes: nothing is sent there, they only need the default route.
    Address(socket.AF_INET, ("192.0.2.1", 9)),
    Address(socket.AF_INET6, ("2001:db8::1", 9, 0, 0)),
)


def local_connect_error(error: OSError, address: Address) -> ParrotError | None:
    """The error that a failed `connect` to an address is if this machine is at fault; None if the other side is.

    The same numbers come from both sides: a router that cannot reach a host answers as this machine does without a
    route. So the routing table is consulted, which sends nothing."""
    if error.errno in EXHAUSTION_ERRNOS:
        return _resources_exhausted(error)
    if error.errno not in _UNREACHABLE_ERRNOS:
        return None
    if not has_route(address):
        return EgressError(f"no route to {address.sockaddr[0]}: {(error.strerror or str(error)).lower()}")
    return ResourceExhaustedError("no local port is free") if error.errno == errno.EADDRNOTAVAIL else None


def local_dns_or_tls_error(error: OSError, host: str) -> ParrotError | None:
    """The same for a name that was not resolved and for TLS, which open files and hide that they could not."""
    resolving = isinstance(error, socket.gaierror)
    if error.errno in EXHAUSTION_ERRNOS and not resolving:
        return _resources_exhausted(error)
    if (resolving or isinstance(error, ssl.SSLError)) and descriptors.are_exhausted():
        return ResourceExhaustedError("out of resources: too many open files")
    return _offline_error(host) if resolving and error.errno == socket.EAI_AGAIN else None


def local_error(error: OSError, host: str) -> ParrotError | None:
    """The same for a connection of which only the name is known."""
    trouble = local_dns_or_tls_error(error, host)
    return trouble or (_offline_error(host) if error.errno in _UNREACHABLE_ERRNOS else None)


def has_route(address: Address) -> bool:
    """Whether the routing table leads to an address; connecting a datagram socket sends nothing."""
    try:
        with socket.socket(address.family, socket.SOCK_DGRAM) as sock:
            sock.connect(address.sockaddr)
    except OSError as error:
        return error.errno not in _UNREACHABLE_ERRNOS
    return True


def _resources_exhausted(error: OSError) -> ResourceExhaustedError:
    return ResourceExhaustedError(f"out of resources: {(error.strerror or str(error)).lower()}")


def _offline_error(host: str) -> EgressError | None:
    """The error of a machine that has no default route."""
    return (
        None
        if any(map(has_route, _DEFAULT_ROUTE_PROBES))
        else EgressError(f"no way to {host}: this machine has no route")
    )
