"""What a subcommand is, and what ends one with a clear line."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from dataclasses import dataclass


class CommandError(Exception):
    """Shown as it is, without a traceback."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand."""

    name: str
    help: str
    arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]
    description: str = ""


_USERINFO = re.compile(r"//[^/\s@]*@")


def strip_userinfo(text: str) -> str:
    """Return a text with no user and password in any URL of it."""
    return _USERINFO.sub("//", text)


def parse_port(text: str) -> int:
    """A port's number; 0 is any free one. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdecimal()) or int(text) > 65535:
        raise ArgumentTypeError(f"the port must be a number from 0 to 65535, got '{text}'")
    return int(text)


def error_reason(error: OSError) -> str:
    """What the system says, without the addresses that asyncio adds; resolvers have numbers of their own, below 0."""
    words = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
    return words.lower()
