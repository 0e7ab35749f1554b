"""Searches with regular expressions from outside, each for a limited time: some take exponential time."""

from __future__ import annotations

import re
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

MAX_CHARS = 100_000
"""Length of the part of a text that is searched."""
TIMEOUT_S = 1.0


class RegexTimeoutError(Exception):
    """A search took too long."""


def is_found(pattern: str, text: str) -> bool:
    """Return whether a pattern matches anywhere in the first 100,000 characters of a text. Raises RegexTimeoutError."""
    with _time_limit(TIMEOUT_S):
        return _compile(pattern).search(text[:MAX_CHARS]) is not None


def regex_error(pattern: str) -> str | None:
    """Return what is wrong with a pattern, or None."""
    try:
        _compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"not a regular expression: {error}"
    return None


def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a pattern, without a warning about what may mean something else in later versions of Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return re.compile(pattern)


@contextmanager
def _time_limit(timeout_s: float) -> Iterator[None]:
    """Interrupt the code inside after a time, which `re` allows: it looks for signals while it searches.

    A thread other than the main one cannot have a timer, nor can Windows.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise RegexTimeoutError
