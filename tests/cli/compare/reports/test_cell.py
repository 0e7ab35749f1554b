"""What reports show of a prompt at a model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.cli.compare.chat_request import Answer, ToolCall
from proxy.cli.compare.reports.cell import Cell, answer_text, format_cost, messages_text, prompt_text
from proxy.cli.compare.results import Run
from tests.cli.compare.samples import ANSWER, case, comparison, run

CASE = case()
GOOD, BAD = run(CASE, "m"), run(CASE, "m", ANSWER, "no match", number=2)
DOWN = run(CASE, "m", Answer(error="down"), number=3)


@pytest.mark.parametrize(
    ("runs", "shown"),
    [
        ((), ("none", "○", "not run", "0/0", False)),
        ((GOOD,), ("good", "✓", "passed", "1/1", True)),
        ((GOOD, GOOD), ("good", "✓", "passed (2/2)", "2/2", True)),
        ((GOOD, BAD), ("bad", "✗", "failed (1/2)", "1/2", True)),
        ((DOWN,), ("bad", "✗", "failed", "0/1", False)),
    ],
)
def test_the_result_of_runs(runs: tuple[Run, ...], shown: tuple[str, str, str, str, bool]) -> None:
    cell = Cell("m", runs)
    assert (cell.state, cell.mark, cell.result, cell.count, cell.is_answered) == shown


def test_figures_are_text() -> None:
    assert Cell("m", (GOOD, BAD)).figures == {
        "valid": "-", "checks": "2/3", "ttft": "10 ms", "latency": "1.50 s", "tokens": "2,400 + 10", "cost": "$0.000200",
    }  # fmt: skip
    assert set(Cell("m", (DOWN,)).figures.values()) == {"-"}


def test_every_provider_that_served_is_named_once() -> None:
    other = run(CASE, "m", replace(ANSWER, provider="azure"))
    assert Cell("m", (GOOD, other, BAD)).served_by == "openai/gpt-4.1, azure/gpt-4.1"
    assert Cell("m", (DOWN,)).served_by == "-"


def test_the_first_failure_stands_for_all_runs() -> None:
    assert (
        Cell("m", (GOOD, BAD, DOWN)).shown is BAD and Cell("m", (GOOD,)).shown is GOOD and Cell("m", ()).shown is None
    )
    assert (Cell("m", (GOOD, BAD)).title(BAD), Cell("m", (BAD,)).title(BAD)) == ("run 2", "")


def test_a_cell_is_of_one_prompt_or_of_all() -> None:
    result = comparison(GOOD, run(case(name="other"), "m"))
    assert Cell.of(result, CASE, "m").runs == (GOOD,) and len(Cell.of_model(result, "m").runs) == 2


@pytest.mark.parametrize(
    ("usd", "text"), [(None, "-"), (0.0, "$0.000000"), (0.0000014, "$0.000001"), (12.3, "$12.3000")]
)
def test_costs_are_shown_in_dollars(usd: float | None, text: str) -> None:
    assert format_cost(usd) == text


def test_tool_calls_are_a_part_of_the_answer() -> None:
    answer = Answer(text="Let me see", tool_calls=(ToolCall("f", '{"a":1}'),))
    assert answer_text(run(CASE, "m", answer)) == 'Let me see\n→ f({"a":1})'
    assert answer_text(DOWN) == ""


def test_a_prompt_is_shown_as_text() -> None:
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "data:"}}]
    messages = [{"role": "system", "content": "Be brief"}, {"role": "user", "content": parts}]
    shown = case(messages=messages)
    assert prompt_text(shown) == "What is it?\n[image_url]"
    assert messages_text(shown) == "system: Be brief\nuser: What is it?\n[image_url]"
    assert messages_text(CASE) == "Hello"
    assert prompt_text(case(messages=[{"role": "assistant", "tool_calls": []}])) == ""
