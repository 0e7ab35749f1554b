"""How the log looks: JSON for machines, columns for a terminal."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import FilteringBoundLogger, Processor

FORMATS = ("auto", "json", "console")


def logger(form: str, stream: TextIO = sys.stderr) -> FilteringBoundLogger:
    """A logger onto `stream`; `auto` is console on a terminal and JSON elsewhere."""
    console = form == "console" or (form == "auto" and stream.isatty())
    shown: list[Processor]
    if console:
        stamper = structlog.processors.TimeStamper("iso")
        shown = [stamper, _without_nothing, structlog.dev.ConsoleRenderer(colors=stream.isatty())]
        sink: Any = structlog.PrintLogger(stream)
    else:
        shown = [structlog.processors.format_exc_info, _as_json]
        binary = getattr(stream, "buffer", None)
        sink = structlog.BytesLogger(binary) if binary else structlog.PrintLogger(stream)
        shown += [] if binary else [_as_text]
    bound: FilteringBoundLogger = structlog.wrap_logger(
        sink,
        processors=[structlog.processors.add_log_level, *shown],
        wrapper_class=structlog.make_filtering_bound_logger(20),
    ).bind()
    return bound


def _without_nothing(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A person reads only the fields that say something."""
    return {name: value for name, value in event.items() if value is not None}


def _as_json(_: Any, __: str, event: structlog.typing.EventDict) -> bytes:
    """The line; orjson writes its time far sooner than structlog's stamper."""
    event["timestamp"] = datetime.now(UTC)
    return orjson.dumps(event, default=str, option=orjson.OPT_UTC_Z)


def _as_text(_: Any, __: str, line: Any) -> str:
    """For a stream that takes no bytes."""
    return str(line, "utf-8")
