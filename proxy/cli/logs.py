"""How the log looks: JSON for machines, columns for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import FilteringBoundLogger

FORMATS = ("auto", "json", "console")


_LOST = (OSError, ValueError)
"""What a stream raises that is gone, its pipe closed or its disk full: a line it does not take is lost, and nobody fails."""


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


def logger(form: str, stream: TextIO = sys.stderr) -> FilteringBoundLogger:
    """A logger onto `stream`; `auto` is console on a terminal and JSON elsewhere."""
    if form == "console" or (form == "auto" and stream.isatty()):
        return _console(stream)
    bound: FilteringBoundLogger = structlog.wrap_logger(_lines(stream), wrapper_class=_Json).bind()
    return bound


def _lines(stream: TextIO) -> Callable[[bytes], None]:
    """Puts lines onto the stream, each at once."""
    sink: Any = getattr(stream, "buffer", None)

    def put(line: bytes) -> None:
        try:
            if sink is None:
                stream.write(line.decode())
                stream.flush()
            else:
                sink.write(line)
                sink.flush()
        except _LOST:
            pass

    return put


class _Console(structlog.PrintLogger):
    """Columns onto a terminal."""

    def msg(self, message: str) -> None:
        with suppress(*_LOST):
            super().msg(message)

    debug = info = warning = error = critical = exception = msg


def _console(stream: TextIO) -> FilteringBoundLogger:
    bound: FilteringBoundLogger = structlog.wrap_logger(
        _Console(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso"),
            _without_nothing,
            structlog.dev.ConsoleRenderer(colors=stream.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
    ).bind()
    return bound


def _without_nothing(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A person reads only the fields that say something."""
    return {name: value for name, value in event.items() if value is not None}
