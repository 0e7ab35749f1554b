"""The report for a terminal fits its width."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.cli.compare.chat_request import Answer
from proxy.cli.compare.reports.table import MAX_ANSWER_LINES, table
from proxy.cli.compare.reports.text_layout import cells
from tests.cli.compare.samples import ANSWER, case, comparison, run

CASE = case()
LONG = replace(
    ANSWER, text="Paris is the capital and most populous city of France. " * 30, warnings=("param-dropped;name=seed",)
)
RESULT = comparison(
    run(CASE, "gpt-4o"), run(CASE, "mistral/mistral-small-latest", LONG, "no match"), run(CASE, "nope", Answer(error="no model 'nope'")),
    models=("gpt-4o", "mistral/mistral-small-latest", "nope", "late"), planned=4,
)  # fmt: skip

AT_80 = """\
── capital ─────────────────────────────────────────────────────────────────────
Hello

✓ gpt-4o                                 ✗ nope
openai/gpt-4.1
valid -, checks 1/1
ttft 10 ms, latency 1.50 s
1,200 + 5 tokens, $0.000100

Paris                                    ✗ no model 'nope'

── all prompts ─────────────────────────────────────────────────────────────────
model    passed   valid   checks    ttft   latency      tokens        cost
gpt-4o      1/1       -      1/1   10 ms    1.50 s   1,200 + 5   $0.000100
nope        0/1       -        -       -         -           -           -

1 of 2 answers passed"""


def test_models_stand_side_by_side() -> None:
    assert table(comparison(RESULT.runs[0], RESULT.runs[2]), 80) == AT_80


@pytest.mark.parametrize("width", [40, 80, 100, 140, 200])
def test_no_line_of_a_prompt_is_wider_than_the_terminal(width: int) -> None:
    prompts = table(RESULT, width).partition("── all prompts")[0]
    assert max(map(cells, prompts.splitlines())) == width


@pytest.mark.parametrize(("width", "bands"), [(62, 4), (63, 2), (95, 2), (96, 2), (129, 1), (400, 1)])
def test_models_without_room_follow_below(width: int, bands: int) -> None:
    beginnings = tuple(f"{mark} {model}" for mark in "✓✗○" for model in RESULT.models)
    heads = [line for line in table(RESULT, width).splitlines() if line.startswith(beginnings)]
    assert len(heads) == bands


def test_a_long_answer_is_cut_and_warnings_are_shown() -> None:
    output = table(comparison(RESULT.runs[1]), 80)
    assert output.count("Paris is the capital") + 3 > MAX_ANSWER_LINES
    assert "more lines\n\n✗ regex: no match\n! param-dropped;name=seed" in output


def test_of_several_runs_the_first_failure_is_shown() -> None:
    failed = run(CASE, "m", replace(ANSWER, text="London"), "no match", number=2)
    output = table(comparison(run(CASE, "m"), failed), 80)
    assert "✗ m\n" in output and "passed 1/2, valid -, checks 2/3" in output
    assert "[run 2]\nLondon\n\n✗ regex: no match" in output and "Paris" not in output


def test_what_was_not_run_is_marked() -> None:
    output = table(RESULT, 140)
    assert "○ late" in output and "not run" in output and output.endswith("1 of 3 answers passed; stopped, 1 not run")


def test_an_answer_cannot_move_the_cursor() -> None:
    assert "\x1b" not in table(
        comparison(run(case(name="a\x1bb"), "m\x1b", replace(ANSWER, text="\x1b[2J"), "\x1b[H")), 80
    )
