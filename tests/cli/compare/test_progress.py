"""A line on a terminal says how far the comparison is."""

from __future__ import annotations

import io

from proxy.cli.compare.progress import Progress
from tests.cli.compare.samples import case, run


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_line_is_overwritten_and_removed() -> None:
    terminal = Terminal()
    progress = Progress(terminal, 30)
    progress.show(1, 12, run(case(name="a\x1b[2J and more"), "gpt-4o"))
    progress.clear()
    assert terminal.getvalue() == "\r\x1b[K1/12 gpt-4o: a\\x1b[2J and mo…\r\x1b[K"


def test_without_a_terminal_nothing_is_written() -> None:
    stream = io.StringIO()
    progress = Progress(stream, 80)
    progress.show(1, 2, run(case(), "m"))
    progress.clear()
    assert stream.getvalue() == ""
