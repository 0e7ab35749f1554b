"""No character of a text from outside can move a cursor, break a line or reverse what is shown."""

from __future__ import annotations

import pytest

from proxy.control_chars import escape_control_chars, escape_within_lines

UNSAFE = [
    *range(0x20),
    *range(0x7F, 0xA0),
    0x061C,
    0x200E,
    0x200F,
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
    0xDCFF,
]


@pytest.mark.parametrize("code", UNSAFE, ids=hex)
def test_an_unsafe_character_is_escaped(code: int) -> None:
    escaped = escape_control_chars(f"a{chr(code)}b")
    assert escaped.isprintable() and escaped.startswith("a\\") and escaped.endswith("b")
    assert escaped.encode().decode("unicode_escape") == f"a{chr(code)}b"


@pytest.mark.parametrize("text", ["", "plain", "back\\slash", "Zürich 東京 🦜", "no\u00a0break", "a\u00adb"])
def test_other_text_stays(text: str) -> None:
    assert escape_control_chars(text) == escape_within_lines(text) == text


def test_lines_stay_where_they_are_wanted() -> None:
    assert escape_within_lines("one\n\ttwo\r\n\x1b[2J\u2028") == "one\n\ttwo\\r\n\\x1b[2J\\u2028"
    assert escape_control_chars("one\ntwo") == "one\\ntwo"
