"""Lays out text in columns of a terminal, where some characters take two cells and some none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from unicodedata import category, east_asian_width

from proxy.control_chars import escape_within_lines

GAP = 3
"""Spaces between columns."""
_WORDS = re.compile(r"\s*(?:[^\s,]*,|[^\s,]+)")
"""A comma ends a word too, so that JSON is broken between its members."""
_WITHOUT_WIDTH = ("Mn", "Me", "Cf")


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


def _cells_of(char: str) -> int:
    return 0 if category(char) in _WITHOUT_WIDTH else 2 if east_asian_width(char) in "WF" else 1


def shorten(text: str, width: int) -> str:
    """Return a text on one line, cut with an ellipsis to a width in cells."""
    line = " ".join(escape_within_lines(text).split())
    if cells(line) <= width:
        return line
    return next(_pieces(line, width - 1)) + "…"


def _pieces(text: str, width: int) -> Iterator[str]:
    """Cut a text into pieces that fit into a width, of at least one character."""
    start, used = 0, 0
    for at, char in enumerate(text):
        used += _cells_of(char)
        if used > width and at > start:
            yield text[start:at]
            start, used = at, _cells_of(char)
    yield text[start:]


def wrap(text: str, width: int) -> list[str]:
    """Return the lines of a text, each at most `width` cells wide, broken between words. Controls are escaped."""
    return [line for each in escape_within_lines(text).expandtabs(4).splitlines() for line in _wrap_line(each, width)]


def _wrap_line(text: str, width: int) -> Iterator[str]:
    """Yield the lines of a text without line breaks. Its indentation stays."""
    line = ""
    for word in _WORDS.findall(text.rstrip()):  # the pattern takes quadratic time for white space without a word behind
        if line and cells(line) + cells(word) > width:
            yield line
            line, word = "", word.lstrip()
        *full, line = _pieces(line + word, width)
        yield from full
    yield line


def side_by_side(columns: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Yield the lines of columns that are each `width` cells wide."""
    for row in zip_longest(*columns, fillvalue=""):
        yield (" " * GAP).join(text + " " * (width - cells(text)) for text in row).rstrip()


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table: the first column to the left, all others to the right."""
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *others = ((text, " " * (width - cells(text))) for text, width in zip(row, widths, strict=True))
        yield (" " * GAP).join(["".join(first), *(space + text for text, space in others)]).rstrip()
