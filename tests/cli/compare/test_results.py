"""Figures of several runs."""

from __future__ import annotations

from dataclasses import replace

from proxy.cli.compare.chat_request import Answer
from proxy.cli.compare.results import Figures
from tests.cli.compare.samples import ANSWER, case, comparison, run

CASE, OTHER = case(), case(name="other")
DOWN = Answer(error="down", latency_ms=9999.0)


def test_times_are_medians_of_answers_and_tokens_and_cost_are_sums() -> None:
    runs = [run(CASE, "m", replace(ANSWER, ttft_ms=ttft, latency_ms=2 * ttft)) for ttft in (1.0, 3.0, 100.0)]
    figures = Figures.of([*runs, run(CASE, "m", DOWN)])
    assert figures == Figures(
        runs=4,
        passed=3,
        valid=(0, 0),
        checks=(3, 3),
        ttft_ms=3.0,
        latency_ms=6.0,
        prompt_tokens=3600,
        completion_tokens=15,
        cost_usd=0.0003,
    )


def test_without_answers_nothing_is_known() -> None:
    assert Figures.of([]) == Figures(0, 0, (0, 0), (0, 0), None, None, None, None, None)


def test_a_run_fails_by_an_error_or_by_a_check() -> None:
    assert run(CASE, "m").passed
    assert run(CASE, "m", DOWN).failures == ["down"]
    assert run(CASE, "m", ANSWER, "no match").failures == ["regex: no match"]


def test_runs_are_found_by_model_and_prompt() -> None:
    first, second, third = run(CASE, "a"), run(OTHER, "a"), run(CASE, "b", DOWN)
    result = comparison(first, second, third)
    assert result.runs_of("a") == (first, second) and result.runs_of("a", OTHER) == (second,)
    assert result.summary == "2 of 3 answers passed"


def test_the_summary_says_what_was_not_run() -> None:
    assert comparison(run(CASE, "a"), planned=5).summary == "1 of 1 answers passed; stopped, 4 not run"
