"""The report as Markdown, for a pull request or a wiki: a table of the models, and one for each prompt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from proxy.cli.compare.prompt_file import Case
from proxy.cli.compare.reports.cell import FIGURES, Cell, answer_text, messages_text
from proxy.cli.compare.results import Comparison
from proxy.control_chars import escape_within_lines

MAX_ANSWER_CHARS = 2000
"""An answer is cut after that many characters, because the table of a page must stay readable."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")


def markdown(comparison: Comparison) -> str:
    """Return the report."""
    lines = [f"**{comparison.summary}**", "", *_summary(comparison)]
    for case in comparison.cases:
        lines += ["", f"## {_plain(case.name)}", "", f"> {_plain(messages_text(case))}", "", *_case(comparison, case)]
    return "\n".join(lines)


def _summary(comparison: Comparison) -> Iterator[str]:
    cells = [Cell.of_model(comparison, model) for model in comparison.models]
    rows = [[_plain(cell.model), cell.count, *cell.figures.values()] for cell in cells]
    return _table(["model", "passed", *FIGURES], rows)


def _case(comparison: Comparison, case: Case) -> Iterator[str]:
    """Yield the table of a prompt, with a column for each model."""
    columns = [dict(_rows(Cell.of(comparison, case, model))) for model in comparison.models]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return _table(["", *map(_plain, comparison.models)], rows)


def _rows(cell: Cell) -> Iterator[tuple[str, str]]:
    run = cell.shown
    yield "result", f"{cell.mark} {cell.result}"
    yield "served by", _plain(cell.served_by)
    yield from cell.figures.items()
    yield "answer", _plain(_cut(answer_text(run))) if run else ""
    yield "failed", "<br>".join(map(_plain, run.failures)) if run else ""
    yield "warnings", "<br>".join(map(_plain, run.answer.warnings)) if run else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_ANSWER_CHARS else f"{text[:MAX_ANSWER_CHARS]}…"


def _plain(text: str) -> str:
    """Return a text in which nothing is Markdown or HTML, on one line."""
    escaped = _SPECIAL.sub(r"\\\1", escape_within_lines(text))
    return "<br>".join(escaped.split("\n"))
