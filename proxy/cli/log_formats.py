"""Formats log events: a JSON object on a line, or columns for a terminal. No text from outside breaks or hides a line."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from io import StringIO
from textwrap import indent
from typing import Any, TextIO

import orjson
import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.typing import EventDict, ExcInfo, Processor

from proxy.control_chars import escape_control_chars, escape_within_lines

_UNSAFE_IN_JSON = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]")
"""The characters that `control_chars` escapes and JSON need not, in UTF-8."""


def console_processors(*, colors: bool) -> list[Processor]:
    """Return what makes a line of columns of an event. A traceback follows it, indented. None is left out."""
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper("iso"),
        _make_safe,
        # Where rich is installed, the default traceback shows local variables: requests and their keys.
        ConsoleRenderer(colors=colors, exception_formatter=_write_traceback),
        _encode,
    ]


def json_line(level: str, event: EventDict) -> bytes:
    """Return an event as one line of JSON, without a line feed. Adds level and time to it."""
    event["level"] = level
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(None, level, event)
    event["timestamp"] = datetime.now(UTC)
    try:
        line = orjson.dumps(event, default=str, option=orjson.OPT_UTC_Z)
    except TypeError:
        event = {name: _encodable(value) for name, value in event.items()}
        line = orjson.dumps(event, default=str, option=orjson.OPT_UTC_Z)
    return line if line.isascii() and b"\x7f" not in line else _UNSAFE_IN_JSON.sub(_escape, line)


def _encodable(value: Any) -> Any:
    """Return the value, or its text if it contains text that is not Unicode or an integer of more than 64 bits."""
    try:
        orjson.dumps(value, default=str)
    except TypeError:
        return escape_control_chars(str(value))
    return value


def _escape(match: re.Match[bytes]) -> bytes:
    return f"\\u{ord(match[0].decode()):04x}".encode()


class _Verbatim:
    """Stands for a value whose text is shown as it is."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _make_safe(_: Any, __: str, event: EventDict) -> EventDict:
    safe = {name: value if name == "exc_info" else _safe(value) for name, value in event.items() if value is not None}
    if isinstance(lines := event.get("traceback"), str):
        del safe["traceback"]
        safe["exception"] = _indent(lines)
    return safe


def _safe(value: Any) -> Any:
    if isinstance(value, bool | int | float) or (isinstance(value, str) and value.isprintable()):
        return value
    return _Verbatim(escape_control_chars(repr(value)))


def _write_traceback(stream: TextIO, exc_info: ExcInfo) -> None:
    text = StringIO()
    plain_traceback(text, exc_info)
    stream.write(f"\n{_indent(text.getvalue())}")


def _indent(lines: str) -> str:
    """Return the lines of a traceback. Indented, those of an exception's message cannot pass for lines of the log."""
    return indent(escape_within_lines(lines.strip("\n")), "  ")


def _encode(_: Any, __: str, line: Any) -> bytes:
    return bytes(line.encode("utf-8", "replace"))
