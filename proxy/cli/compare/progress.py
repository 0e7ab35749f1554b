"""One line on a terminal that says how far the comparison is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TextIO

from proxy.cli.compare.reports.text_layout import shorten
from proxy.cli.compare.results import Run

_CLEAR_LINE = "\r\x1b[K"


@dataclass(frozen=True, slots=True)
class Progress:
    """Writes over one line of a stream. Does nothing if that is no terminal."""

    stream: TextIO
    width: int

    def show(self, finished: int, planned: int, latest: Run) -> None:
        """Show the number of finished requests, and the latest."""
        if self.stream.isatty():
            text = f"{finished}/{planned}  {latest.model}: {latest.case.name}"
            self.stream.write(_CLEAR_LINE + shorten(text, self.width - 1))
            self.stream.flush()

    def clear(self) -> None:
        """Remove the line."""
        if self.stream.isatty():
            self.stream.write(_CLEAR_LINE)
            self.stream.flush()
