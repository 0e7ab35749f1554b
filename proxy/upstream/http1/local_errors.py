"""Tells failures of this machine from those of a provider, by the error of a failed connection.

A failure of this machine (no descriptors, no route) is never counted against a provider.
"""

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
    # Documentation prefixes, which only the default route leads to; nothing is sent there.
    Address(socket.AF_INET, ("192.0.2.1", 9)),
    Address(socket.AF_INET6, ("2001:db8::1", 9, 0, 0)),
)


def local_connect_error(error: OSError, address: Address) -> ParrotError | None:
    """Return the error of a failed `connect` if it is this machine's, else None.

    A router that cannot reach the host causes the same errno as this machine without a route, so the routing table
    decides between them.
    """
    if error.errno in EXHAUSTION_ERRNOS:
        return _exhaustion_error(error)
    if error.errno not in _UNREACHABLE_ERRNOS:
        return None
    if not has_route(address):
        return EgressError(f"no route to {address.sockaddr[0]}: {(error.strerror or str(error)).lower()}")
    return ResourceExhaustedError("no local port is free") if error.errno == errno.EADDRNOTAVAIL else None


def local_dns_or_tls_error(error: OSError, host: str) -> ParrotError | None:
    """Return the error of a failed name lookup or TLS handshake if it is this machine's, else None.

    Both open files and hide it when no descriptor was left, so the number of open files is checked.
    """
    resolving = isinstance(error, socket.gaierror)
    if error.errno in EXHAUSTION_ERRNOS and not resolving:
        return _exhaustion_error(error)
    if resolving and error.errno == socket.EAI_MEMORY:
        return ResourceExhaustedError("out of resources: no memory for a name lookup")
    if (resolving or isinstance(error, ssl.SSLError)) and descriptors.are_exhausted():
        return ResourceExhaustedError("out of resources: too many open files")
    return _offline_error(host) if resolving and error.errno == socket.EAI_AGAIN else None


def local_error(error: OSError, host: str) -> ParrotError | None:
    """Return the error of a connection to a host whose address is not known if it is this machine's, else None."""
    local = local_dns_or_tls_error(error, host)
    return local or (_offline_error(host) if error.errno in _UNREACHABLE_ERRNOS else None)


def has_route(address: Address) -> bool:
    """Return whether the routing table leads to an address. Connecting a datagram socket sends nothing."""
    try:
        with socket.socket(address.family, socket.SOCK_DGRAM) as sock:
            sock.connect(address.sockaddr)
    except OSError as error:
        return error.errno not in _UNREACHABLE_ERRNOS
    return True


def _exhaustion_error(error: OSError) -> ResourceExhaustedError:
    return ResourceExhaustedError(f"out of resources: {(error.strerror or str(error)).lower()}")


def _offline_error(host: str) -> EgressError | None:
    """Return an error if this machine has no default route."""
    if any(map(has_route, _DEFAULT_ROUTE_PROBES)):
        return None
    return EgressError(f"no route to {host}: this machine has no default route")
