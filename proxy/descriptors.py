"""The process's limit of open file descriptors. A request needs two: for its client and for its provider.

How: connections of clients and to providers may not have the highest descriptors, of which the system always gives out
the lowest that is free. So these stay for everything else: the admin listener, files, name lookups.
"""

from __future__ import annotations

import socket

from proxy.errors import EXHAUSTION_ERRNOS

try:
    import resource
except ImportError:  # not available on Windows
    resource = None  # type: ignore[assignment]

MAX_DESCRIPTORS = 65_536
"""Enough for 30,000 clients. The hard limit can be millions, and some libraries allocate memory for each descriptor."""
_RESERVED = 64
"""How many descriptors connections may not have, if the limit is at least twice as high."""


def raise_limit() -> None:
    """Raise the soft limit to the hard limit, or to `MAX_DESCRIPTORS` if that is lower. Never lowers it."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    while soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):
            wanted //= 2  # macOS has a lower limit per process, which getrlimit does not return
        else:
            return


def max_clients() -> int:
    """Return how many clients the current soft limit allows if each needs two descriptors."""
    return max(1, _unreserved() // 2)


def is_reserved(descriptor: int) -> bool:
    """Return whether a connection must not have this descriptor."""
    return resource is not None and descriptor >= _unreserved()


def is_scarce(descriptor: int) -> bool:
    """Return whether a connection that has this descriptor should be closed rather than kept idle."""
    return resource is not None and descriptor >= _unreserved() * 3 // 4


def _unreserved() -> int:
    """Return the number of descriptors that connections may have."""
    soft = MAX_DESCRIPTORS if resource is None else resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    soft = MAX_DESCRIPTORS if soft < 0 else min(soft, MAX_DESCRIPTORS)  # RLIM_INFINITY is negative
    return int(soft - min(_RESERVED, soft // 2))


def are_exhausted() -> bool:
    """Return whether the process cannot open any descriptor at this moment."""
    try:
        socket.socket().close()
    except OSError as error:
        return error.errno in EXHAUSTION_ERRNOS
    return False
