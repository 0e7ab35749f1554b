"""How the log looks: JSON for machines, columns for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import orjson
import structlog
from structlog.typing import FilteringBoundLogger

FORMATS = ("auto", "json", "console")


class _Lossy:
    """A stream that may be gone, its pipe closed or its disk full: what it does not take is lost, and nobody fails."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, said: Any) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(said)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


class _Json(structlog.make_filtering_bound_logger(20)):  # type: ignore[misc]
    """Writes an object a line; there is one for each request, so it goes through no chain of processors."""

    def _proxy_to_logger(self, method_name: str, event: str | None = None, **fields: Any) -> None:
        fields = {**self._context, **fields, "event": event, "level": method_name, "timestamp": datetime.now(UTC)}
        if "exc_info" in fields:
            fields = dict(structlog.processors.format_exc_info(None, method_name, fields))
        self._logger(orjson.dumps(fields, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE))


def logger(form: str, stream: TextIO = sys.stderr) -> FilteringBoundLogger:
    """A logger onto `stream`; `auto` is console on a terminal and JSON elsewhere."""
    console = form == "console" or (form == "auto" and stream.isatty())
    bound: FilteringBoundLogger = (
        _console(stream) if console else structlog.wrap_logger(_lines(stream), wrapper_class=_Json).bind()
    )
    return bound


def _lines(stream: TextIO) -> Callable[[bytes], None]:
    """Puts lines onto the stream, each at once."""
    binary = getattr(stream, "buffer", None)
    sink = _Lossy(binary or stream)

    def put(line: bytes) -> None:
        sink.write(line if binary else line.decode())
        sink.flush()

    return put


def _console(stream: TextIO) -> FilteringBoundLogger:
    bound: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(cast(TextIO, _Lossy(stream))),
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
