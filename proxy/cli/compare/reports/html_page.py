"""The report as one HTML page that needs nothing else: no script, no file, no network."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from html import escape
from pathlib import Path

from proxy.cli.compare.prompt_file import Case
from proxy.cli.compare.reports.cell import FIGURES, Cell, answer_text, messages_text
from proxy.cli.compare.results import Comparison, Run
from proxy.control_chars import escape_within_lines

_STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What the page may load: nothing, whatever an answer contains."""


def html_page(comparison: Comparison) -> str:
    """Return the page."""
    return "\n".join(_lines(comparison))


def _lines(comparison: Comparison) -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{_text(comparison.summary)}</title><style>{_STYLE}</style></head><body>"
    yield f"<header><h1>Comparison of models</h1><p>{_text(comparison.summary)}</p></header>"
    yield from _summary(comparison)
    for case in comparison.cases:
        yield from _case(comparison, case)
    yield "</body></html>"


def _summary(comparison: Comparison) -> Iterator[str]:
    names = ("model", "passed", *FIGURES)
    yield f'<div class="scroll"><table><thead><tr>{"".join(f"<th>{name}</th>" for name in names)}</tr></thead><tbody>'
    for cell in map(partial(Cell.of_model, comparison), comparison.models):
        values = "".join(f"<td>{_text(value)}</td>" for value in cell.figures.values())
        yield f'<tr><th>{_text(cell.model)}</th><td class="{cell.state}">{cell.count}</td>{values}</tr>'
    yield "</tbody></table></div>"


def _case(comparison: Comparison, case: Case) -> Iterator[str]:
    yield f'<section><h2>{_text(case.name)}</h2><pre class="prompt">{_text(messages_text(case))}</pre>'
    yield '<div class="models">'
    for model in comparison.models:
        yield from _card(Cell.of(comparison, case, model))
    yield "</div></section>"


def _card(cell: Cell) -> Iterator[str]:
    yield f'<article class="{cell.state}"><h3>{_text(cell.model)} <b>{cell.mark} {cell.result}</b></h3>'
    if cell.is_answered:
        figures = "".join(f"<div><dt>{name}</dt><dd>{_text(value)}</dd></div>" for name, value in cell.figures.items())
        yield f'<p class="served">{_text(cell.served_by)}</p><dl>{figures}</dl>'
    for run in cell.runs:
        yield from _answer(run, cell.title(run))
    yield "</article>"


def _answer(run: Run, title: str) -> Iterator[str]:
    """Yield an answer. Those of several runs can be folded, and only those that failed are open."""
    if title:
        opened = "" if run.passed else " open"
        yield f"<details{opened}><summary>{'✓' if run.passed else '✗'} {_text(title)}</summary>"
    if text := answer_text(run):
        yield f"<pre>{_text(text)}</pre>"
    passed = [finding.title for finding in run.findings if finding.failure is None]
    for kind, texts in (("failures", run.failures), ("warnings", run.answer.warnings), ("passes", passed)):
        if texts:
            yield f'<ul class="{kind}">{"".join(f"<li>{_text(each)}</li>" for each in texts)}</ul>'
    if title:
        yield "</details>"


def _text(text: str) -> str:
    return escape(escape_within_lines(text))
