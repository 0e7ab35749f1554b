"""What the operating system knows of a socket."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
import sys
from collections.abc import Callable
from functools import partial

if sys.platform == "linux":
    from fcntl import ioctl
    from termios import TIOCOUTQ


def readability_check(fd: int) -> Callable[[], object]:
    """Return a function that asks the operating system whether something has arrived, without taking it."""
    if not hasattr(select, "poll"):
        return lambda: select.select([fd], [], [], 0)[0]
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return partial(poll.poll, 0)


def is_hung_up(fd: int) -> bool:
    """Ask the operating system whether the peer has disconnected. What it sent before may still be unread."""
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(fd, getattr(select, "POLLRDHUP", 0))  # POLLHUP and POLLERR are reported in any case
    return bool(poll.poll(0))


def unsent_bytes(transport: asyncio.Transport) -> int:
    """Return how many bytes the peer has not received yet, as far as the system tells.

    The system takes megabytes for a slow peer, and takes more only when a good part of them has left. So what is left in the
    transport alone shows no progress for minutes.
    """
    sock = transport.get_extra_info("socket")
    return transport.get_write_buffer_size() + (_system_queue(sock.fileno()) if sock is not None else 0)


def _system_queue(descriptor: int) -> int:
    if sys.platform != "linux":
        return 0
    try:
        return int(struct.unpack("i", ioctl(descriptor, TIOCOUTQ, bytes(4)))[0])
    except (OSError, ValueError):  # it is closed
        return 0


KEEP_ALIVE_S = 60
"""A TCP connection without traffic is checked after this time, so that no router forgets it."""
_KEEP_ALIVE_OPTIONS = (("TCP_KEEPIDLE", KEEP_ALIVE_S), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))


def keep_alive(sock: socket.socket) -> None:
    """Turn TCP keep-alive on. A listening socket hands it on to the connections that it accepts."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE_OPTIONS:
        if (option := getattr(socket, name, None)) is not None:  # not every system has all of them
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
