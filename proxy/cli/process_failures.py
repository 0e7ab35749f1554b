"""Logs the failures that Python would print to standard error itself, secrets included, and not in the log's format."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any

from structlog.typing import FilteringBoundLogger

from proxy.cli.command import CommandError

_EXPECTED = (CommandError, BrokenPipeError)
"""What ends a command in the usual way: with one line, or because the reader of its output has ended."""


class ProcessFailures:
    """A context manager: within it the log gets exceptions of threads, of destructors, and the one that ends the command."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._hooks = threading.excepthook, sys.unraisablehook

    def __enter__(self) -> None:
        """Install the hooks."""
        threading.excepthook, sys.unraisablehook = self._log_thread, self._log_ignored

    def __exit__(self, _: object, error: BaseException | None, __: TracebackType | None) -> None:
        """Remove the hooks. Raises CommandError in place of an unexpected exception."""
        threading.excepthook, sys.unraisablehook = self._hooks
        if isinstance(error, Exception) and not isinstance(error, _EXPECTED):
            self._log.error("process_failed", exc_info=error)
            raise CommandError("ended by an unexpected error; see the log") from None

    def _log_thread(self, failure: Any) -> None:
        name = failure.thread.name if failure.thread else None
        self._log.error("thread_failed", thread=name, exc_info=failure.exc_value)

    def _log_ignored(self, failure: Any) -> None:
        self._log.error("exception_ignored", where=type(failure.object).__name__, exc_info=failure.exc_value)
