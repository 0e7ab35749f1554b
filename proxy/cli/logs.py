"""Configures the log: JSON for machines, columns for a terminal, both redacted and never blocking."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, BinaryIO, TextIO, cast

import orjson
import structlog
from structlog.typing import FilteringBoundLogger

from proxy.cli.batched_writer import BatchedWriter, LineWriter
from proxy.cli.log_formats import console_processors, json_line
from proxy.cli.nonblocking_writer import NonblockingWriter

FORMATS = ("auto", "json", "console")

Redact = Callable[[bytes], bytes]


def build_logger(
    form: str, stream: TextIO = sys.stderr, redact: Redact = bytes, *, batched: bool = False
) -> FilteringBoundLogger:
    """Return a logger that writes to `stream` from level info on.

    `form` is one of FORMATS. `auto` is console on a terminal and JSON elsewhere. `redact` gets every line. With `batched`,
    JSON lines are written in batches.
    """
    if form == "console" or (form == "auto" and stream.isatty()):
        return _console_logger(stream, NonblockingWriter(stream, _dropped_text, redact))
    writer = NonblockingWriter(stream, _dropped_json, redact)
    return cast(FilteringBoundLogger, _JsonLogger(BatchedWriter(writer) if batched else writer))


def _console_logger(stream: TextIO, writer: NonblockingWriter) -> FilteringBoundLogger:
    bound: FilteringBoundLogger = structlog.wrap_logger(
        structlog.BytesLogger(cast(BinaryIO, writer)),
        processors=console_processors(colors=stream.isatty()),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    ).bind()
    return bound


class _JsonLogger:
    """Writes events from level info on as lines of JSON: what is used of a structlog logger, without its chain of calls."""

    def __init__(self, writer: LineWriter) -> None:
        self._write = writer.write

    def debug(self, event: str, **fields: Any) -> None:
        """Write nothing."""

    def info(self, event: str, **fields: Any) -> None:
        """Write an event of that level."""
        fields["event"] = event
        self._write(json_line("info", fields) + b"\n")

    def warning(self, event: str, **fields: Any) -> None:
        """Write an event of that level."""
        fields["event"] = event
        self._write(json_line("warning", fields) + b"\n")

    def error(self, event: str, **fields: Any) -> None:
        """Write an event of that level."""
        fields["event"] = event
        self._write(json_line("error", fields) + b"\n")

    def exception(self, event: str, **fields: Any) -> None:
        """Write an event of level error, with the exception that is being handled."""
        self.error(event, **{"exc_info": True, **fields})


def _dropped_json(count: int) -> bytes:
    fields = {"lines": count, "event": "log_lines_dropped", "level": "warning", "timestamp": datetime.now(UTC)}
    return orjson.dumps(fields, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)


def _dropped_text(count: int) -> bytes:
    return f"{count} log lines were dropped\n".encode()


class LibraryLog(logging.Handler):
    """Writes what libraries log, such as a traceback of asyncio, to our log: in its format, and redacted."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        logging.getLogger().addHandler(self)

    def close(self) -> None:
        """Remove the handler."""
        logging.getLogger().removeHandler(self)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record as the event `library_message`."""
        write = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        failure = {"exc_info": record.exc_info} if record.exc_info else {}
        write("library_message", library=record.name, message=record.getMessage(), **failure)
