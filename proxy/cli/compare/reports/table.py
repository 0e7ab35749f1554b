"""The report for a terminal: the models of each prompt side by side, then one line per model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proxy.cli.compare.prompt_file import Case
from proxy.cli.compare.reports.cell import FIGURES, Cell, answer_text, prompt_text
from proxy.cli.compare.reports.text_layout import GAP, aligned, cells, shorten, side_by_side, wrap
from proxy.cli.compare.results import Comparison

MIN_COLUMN_WIDTH = 30
MAX_ANSWER_LINES = 14


def table(comparison: Comparison, width: int) -> str:
    """Return the report in lines of at most `width` cells, as far as names of models allow it."""
    lines: list[str] = []
    for case in comparison.cases:
        lines += [*_heading(case, width), *_bands(comparison, case, width)]
    return "\n".join([*lines, *_summary(comparison, width)])


def _rule(title: str, width: int) -> Iterator[str]:
    text = f"── {shorten(title, width - 4)} "
    yield text + "─" * (width - cells(text))


def _heading(case: Case, width: int) -> Iterator[str]:
    yield from _rule(case.name, width)
    yield shorten(prompt_text(case), width)
    yield ""


def _bands(comparison: Comparison, case: Case, width: int) -> Iterator[str]:
    """Yield the columns of the models, below each other if there is not room for all."""
    models = comparison.models
    count = max(1, min(len(models), (width + GAP) // (MIN_COLUMN_WIDTH + GAP)))
    column_width = (width - GAP * (count - 1)) // count
    for start in range(0, len(models), count):
        band = [Cell.of(comparison, case, model) for model in models[start : start + count]]
        heads = [list(_head(cell, column_width)) for cell in band]
        yield from side_by_side(heads, column_width)
        yield ""
        yield from side_by_side([list(_body(cell, column_width)) for cell in band], column_width)
        yield ""


def _head(cell: Cell, width: int) -> Iterator[str]:
    yield shorten(f"{cell.mark} {cell.model}", width)
    if cell.is_answered:
        figures = cell.figures
        yield shorten(cell.served_by, width)
        passed = f"passed {cell.count}, " if len(cell.runs) > 1 else ""
        yield shorten(f"{passed}valid {figures['valid']}, checks {figures['checks']}", width)
        yield shorten(f"ttft {figures['ttft']}, latency {figures['latency']}", width)
        yield shorten(f"{figures['tokens']} tokens, {figures['cost']}", width)


def _body(cell: Cell, width: int) -> Iterator[str]:
    run = cell.shown
    if run is None:
        yield "not run"
        return
    if title := cell.title(run):
        yield f"[{title}]"
    lines = wrap(answer_text(run), width)
    yield from lines[:MAX_ANSWER_LINES]
    if len(lines) > MAX_ANSWER_LINES:
        yield f"… {len(lines) - MAX_ANSWER_LINES} more lines"
    if lines and (run.failures or run.answer.warnings):
        yield ""
    yield from _marked("✗", run.failures, width)
    yield from _marked("!", run.answer.warnings, width)


def _marked(mark: str, texts: Sequence[str], width: int) -> Iterator[str]:
    """Yield texts with a mark in front and their further lines indented."""
    for text in texts:
        first, *others = wrap(text, width - 2) or [""]
        yield f"{mark} {first}"
        yield from (f"  {line}" for line in others)


def _summary(comparison: Comparison, width: int) -> Iterator[str]:
    yield from _rule("all prompts", width)
    summed = [Cell.of_model(comparison, model) for model in comparison.models]
    rows = [
        ("model", "passed", *FIGURES),
        *((shorten(cell.model, width), cell.count, *cell.figures.values()) for cell in summed),
    ]
    yield from aligned(rows)
    yield ""
    yield comparison.summary
