"""Tells the service manager that the sidecar is ready (sd_notify of systemd), if it has asked to be told."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress


def notify(state: str, environ: Mapping[str, str]) -> None:
    """Send a state such as `READY=1` to the socket in NOTIFY_SOCKET. Does nothing without one, or if it is gone."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # a name without a file
        address = f"\0{address[1:]}"
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.sendto(state.encode(), address)
