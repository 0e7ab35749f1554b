"""Standard output and error of a command, which may be closed, full, or never read."""

from __future__ import annotations

import errno
import os
import sys
from typing import TextIO

from proxy.cli.nonblocking_writer import NonblockingWriter

FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Errors of writing to a stream that accepts nothing more, such as a full disk."""


def open_closed_streams() -> None:
    """Open the null device in place of each standard stream that the process was started without.

    Otherwise the next socket would get its descriptor, and be what the interpreter writes its messages to. In this order,
    because the system gives out the lowest free descriptor.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 (stays open)


def write_output(text: str) -> None:
    """Write a line to standard output if it accepts that at once. A service must not depend on who reads its output."""
    _write(sys.stdout, text)


def write_error(text: str) -> None:
    """Write a line to standard error if it accepts that at once."""
    _write(sys.stderr, text)


def discard_output() -> None:
    """Let standard output discard what it still holds, so that nothing fails when it is flushed at exit."""
    number = os.open(os.devnull, os.O_WRONLY)
    os.dup2(number, sys.stdout.fileno())
    os.close(number)


def _write(stream: TextIO, text: str) -> None:
    NonblockingWriter(stream, lambda count: b"").write(f"{text}\n".encode("utf-8", "replace"))
