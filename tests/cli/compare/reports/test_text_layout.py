"""Text is laid out by the cells that it takes on a terminal."""

from __future__ import annotations

import pytest

from proxy.cli.compare.reports.text_layout import aligned, cells, shorten, side_by_side, wrap


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("abc", 3), ("日本", 4), ("e\u0301", 1), ("👋", 2), ("Zürich", 6)]
)
def test_characters_take_one_two_or_no_cells(text: str, count: int) -> None:
    assert cells(text) == count


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("short", 5, "short"),
        ("too long", 5, "too …"),
        ("日本語", 5, "日本…"),
        ("two\n lines\tand", 80, "two lines and"),
        ("\x1b[31mred", 80, "\\x1b[31mred"),
    ],
)
def test_a_text_is_shortened_to_one_line(text: str, width: int, expected: str) -> None:
    assert shorten(text, width) == expected


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("one two three", ["one two", "three"]),
        ("a\n\nb", ["a", "", "b"]),
        ("  indented text", ["  indented", "text"]),
        ("abcdefghijklm", ["abcdefghij", "klm"]),
        ("x abcdefghijklm", ["x", "abcdefghij", "klm"]),
        ('{"a":1,"b":22}', ['{"a":1,', '"b":22}']),
        ("a, b, c, d, e", ["a, b, c,", "d, e"]),
        ("日本語日本語", ["日本語日本", "語"]),
        ("\x07", ["\\x07"]),
    ],
)
def test_lines_are_broken_between_words(text: str, lines: list[str]) -> None:
    assert wrap(text, 10) == lines


@pytest.mark.parametrize("width", range(1, 30))
def test_no_line_is_wider_than_asked_for(width: int) -> None:
    text = 'The quick, brown fox {"json":[1,2,3,4,5,6,7,8,9]} jumps over the lazy dog'
    lines = wrap(text, width)
    assert max(map(cells, lines)) <= width
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_character_wider_than_the_line_is_not_lost() -> None:
    assert wrap("日本", 1) == ["日", "本"]


def test_columns_stand_side_by_side() -> None:
    assert list(side_by_side([["a", "日本"], ["b"], ["c", "d"]], 4)) == ["a      b      c", "日本          d"]


def test_a_table_is_aligned() -> None:
    assert list(aligned([("model", "cost"), ("日本", "$1")])) == ["model   cost", "日本      $1"]


@pytest.mark.parametrize(
    "text", ["x" * 100_000, "日" * 100_000, "a" + " " * 100_000, "a " * 50_000, "a," * 50_000, "\n" * 100_000]
)
def test_a_long_text_is_wrapped(text: str) -> None:
    assert "".join("".join(wrap(text, 40)).split()) == "".join(text.split())
