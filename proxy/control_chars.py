"""Makes text from outside safe to show: characters that move a cursor, break a line or reverse the text are escaped."""

from __future__ import annotations

import re

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""C0 and C1 controls, marks and overrides of the text's direction, line separators, and halves of surrogate pairs."""
_UNSAFE_WITHIN_LINES = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))


def escape_control_chars(text: str) -> str:
    r"""Return the text with each unsafe character as its escape, such as `\x1b` or `\u202e`, line breaks included."""
    return text if text.isprintable() else _UNSAFE.sub(_escape, text)


def escape_within_lines(text: str) -> str:
    """Do the same for a text of several lines, which keeps its line feeds and tabs."""
    return _UNSAFE_WITHIN_LINES.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
