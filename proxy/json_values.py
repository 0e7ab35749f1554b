"""Bounds the number of values in a JSON text before it is parsed: parsed, a value takes far more memory than its text."""

from __future__ import annotations

BYTES_PER_VALUE = 64
"""Memory of one parsed value, next to its text."""
VALUES_PER_CONTAINER = 8
"""An array or object counts as that many values: it takes that much memory, and most of the time of a translation."""


def count_values(text: bytes, most: int) -> int:
    """Return the number of values in a JSON text: exact, or at least no less, up to `most`. Any larger number means more.

    Each value follows a comma or the bracket that opens its array or object, except for the outermost.
    """
    count = _count_separators(text)
    if count <= most:
        return count  # those within strings are counted too
    without_escapes = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    if without_escapes.count(b'"') > 4 * most:
        return most + 1  # every value may be a string and have a key, and each has two quotes
    return _count_separators(b"".join(without_escapes.split(b'"')[::2]))


def _count_separators(text: bytes) -> int:
    return 1 + text.count(b",") + VALUES_PER_CONTAINER * (text.count(b"[") + text.count(b"{"))
