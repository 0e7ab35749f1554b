"""The process's limit of open descriptors: each connection takes one, on the client's side and on the provider's."""

from __future__ import annotations

import socket

from proxy.errors import EXHAUSTION_ERRNOS

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

MAX_DESCRIPTORS = 65_536
"""Enough for 30,000 clients; a hard limit can be millions, and some libraries take memory for every possible one."""
_RESERVED = 64
"""For files, the admin listener and whatever else opens one."""


def raise_limit() -> None:
    """Raise the soft limit to the hard limit, but to `MAX_DESCRIPTORS` at most; it is never lowered."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    while soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):
            wanted //= 2  # macOS has a limit per process that this one does not show
        else:
            return


def max_clients() -> int:
    """How many client connections leave each of them a descriptor for its provider, by the limit in force."""
    soft = MAX_DESCRIPTORS if resource is None else resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    soft = MAX_DESCRIPTORS if soft < 0 else min(soft, MAX_DESCRIPTORS)  # RLIM_INFINITY is negative
    return max(1, (soft - _RESERVED) // 2)


def are_exhausted() -> bool:
    """Whether not a single descriptor can be opened at this moment."""
    try:
        socket.socket().close()
    except OSError as error:
        return error.errno in EXHAUSTION_ERRNOS
    return False
