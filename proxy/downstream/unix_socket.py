"""The file of a unix socket: replaced if no process listens on it any more, and removed at the end."""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import suppress
from typing import NamedTuple

_UMASK = 0o117
"""Makes the mode 0660."""


class SocketPath(NamedTuple):
    """The file of a bound socket. Another process may have replaced it, even with the same inode number."""

    path: str
    device: int
    inode: int
    modified_ns: int

    def remove(self) -> None:
        """Remove the file if it is still this socket's."""
        with suppress(OSError):  # it is gone, or its folder
            if _identity(self.path) == self:
                os.unlink(self.path)


def bind_path(sock: socket.socket, path: str) -> SocketPath:
    """Bind a socket to a path, which only owner and group may use. Raises OSError, also if a process listens there."""
    if os.path.lexists(path):
        _remove_stale(path)
    before = os.umask(_UMASK)  # rather than chmod, which would come after the first moment
    try:
        sock.bind(path)
    finally:
        os.umask(before)
    return _identity(path)


def _identity(path: str) -> SocketPath:
    found = os.stat(path)
    return SocketPath(path, found.st_dev, found.st_ino, found.st_mtime_ns)


def _remove_stale(path: str) -> None:
    """Remove a socket that no process listens on. Raises OSError for any other file."""
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise OSError("it exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        refusal = probe.connect_ex(path)
    if refusal != errno.ECONNREFUSED:
        raise OSError("another process is listening on it")
    os.unlink(path)
