"""What a subcommand consists of, the error that ends one, and helpers that several of them use."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from dataclasses import dataclass


class CommandError(Exception):
    """Ends a command: the message goes to standard error without a traceback."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand: `add_arguments` defines its options, `run` executes it and returns the exit code."""

    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]
    description: str


_USERINFO = re.compile(r"//[^/\s@]*@")


def strip_userinfo(text: str) -> str:
    """Remove user and password from every URL in a text."""
    return _USERINFO.sub("//", text)


def parse_port(text: str) -> int:
    """Parse a port number. 0 means any free port. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdecimal()) or int(text) > 65535:
        raise ArgumentTypeError(f"the port must be a number from 0 to 65535, got '{text}'")
    return int(text)


def error_reason(error: OSError) -> str:
    """Return the operating system's message for an error, without the addresses that asyncio adds."""
    # Errors of name resolution have numbers below 0, which strerror does not know.
    message = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
    return message.lower()
