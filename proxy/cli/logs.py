"""How the log looks: JSON for machines, columns for a terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import FilteringBoundLogger

from proxy.cli.nonblocking_writer import NonblockingWriter

FORMATS = ("auto", "json", "console")

Redact = Callable[[bytes], bytes]


class _Json(structlog.make_filtering_bound_logger(20)):  # type: ignore[misc]
    """Writes an object a line; there is one for each request, so it goes through no chain of processors."""

    def info(self, event: str, *_: Any, **fields: Any) -> None:
        self._put("info", event, fields)

    def _proxy_to_logger(self, method_name: str, event: str | None = None, **fields: Any) -> None:
        self._put(method_name, event, fields)

    def _put(self, level: str, event: str | None, fields: dict[str, Any]) -> None:
        fields = {**self._context, **fields, "event": event, "level": level, "timestamp": datetime.now(UTC)}
        if "exc_info" in fields:
            fields = dict(structlog.processors.format_exc_info(None, level, fields))
        self._logger(orjson.dumps(fields, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE))


def build_logger(form: str, stream: TextIO = sys.stderr, redact: Redact = bytes) -> FilteringBoundLogger:
    """Return a logger onto `stream`; `auto` is console on a terminal and JSON elsewhere. `redact` sees every line."""
    if form == "console" or (form == "auto" and stream.isatty()):
        return _console(stream, redact)
    lines = NonblockingWriter(stream, _lost_json, redact)
    bound: FilteringBoundLogger = structlog.wrap_logger(lines, wrapper_class=_Json).bind()
    return bound


class LibraryLog(logging.Handler):
    """Writes what libraries log, such as a traceback of asyncio's, as lines of our log: in its format, and redacted."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        logging.getLogger().addHandler(self)

    def close(self) -> None:
        """Take no more."""
        logging.getLogger().removeHandler(self)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        write = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        failure = {"exc_info": record.exc_info} if record.exc_info else {}
        write("library_message", library=record.name, message=record.getMessage(), **failure)


def _lost_json(count: int) -> bytes:
    fields = {"lines": count, "event": "log_lines_dropped", "level": "warning", "timestamp": datetime.now(UTC)}
    return orjson.dumps(fields, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)


class _Console:
    """Columns onto a terminal."""

    def __init__(self, stream: TextIO, redact: Redact) -> None:
        self._lines = NonblockingWriter(stream, lambda count: f"{count} lines of the log were lost\n".encode(), redact)

    def msg(self, message: str) -> None:
        self._lines(message.encode("utf-8", "replace") + b"\n")

    debug = info = warning = error = critical = exception = msg


def _console(stream: TextIO, redact: Redact) -> FilteringBoundLogger:
    bound: FilteringBoundLogger = structlog.wrap_logger(
        _Console(stream, redact),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso"),
            _without_nothing,
            # Where rich is installed, the default traceback shows local variables: requests and their keys.
            structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
    ).bind()
    return bound


def _without_nothing(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A person reads only the fields that say something."""
    return {name: value for name, value in event.items() if value is not None}
