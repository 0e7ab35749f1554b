"""The report in Markdown: nothing in an answer is Markdown or HTML."""

from __future__ import annotations

from dataclasses import replace

from proxy.cli.compare.chat_request import Answer
from proxy.cli.compare.reports.markdown import MAX_ANSWER_CHARS, markdown
from tests.cli.compare.samples import ANSWER, case, comparison, run

CASE = case()
EXPECTED = """\
**1 of 2 answers passed**

| model | passed | valid | checks | ttft | latency | tokens | cost |
| --- | --- | --- | --- | --- | --- | --- | --- |
| a | 1/1 | - | 1/1 | 10 ms | 1.50 s | 1,200 + 5 | $0.000100 |
| b | 0/1 | - | - | - | - | - | - |

## capital

> Hello

|  | a | b |
| --- | --- | --- |
| result | ✓ passed | ✗ failed |
| served by | openai/gpt-4.1 | - |
| valid | - | - |
| checks | 1/1 | - |
| ttft | 10 ms | - |
| latency | 1.50 s | - |
| tokens | 1,200 + 5 | - |
| cost | $0.000100 | - |
| answer | Paris |  |
| failed |  | down |
| warnings |  |  |"""


def test_models_are_columns() -> None:
    assert markdown(comparison(run(CASE, "a"), run(CASE, "b", Answer(error="down")))) == EXPECTED


def test_an_answer_is_shown_as_it_is() -> None:
    text = "| *a* | <img src=x>\n`code` [l](u) &amp; $x$\x1b"
    output = markdown(comparison(run(CASE, "m", replace(ANSWER, text=text))))
    escaped = r"\| \*a\* \| \<img src=x\><br>\`code\` \[l\](u) \&amp; \$x\$" + r"\\x1b"
    assert f"| answer | {escaped} |\n" in output


def test_a_long_answer_is_cut() -> None:
    output = markdown(comparison(run(CASE, "m", replace(ANSWER, text="x" * 10_000))))
    assert output.count("x") == MAX_ANSWER_CHARS and "x…" in output


def test_a_model_without_an_answer_has_empty_cells() -> None:
    assert "| result | ✓ passed | ○ not run |" in markdown(comparison(run(CASE, "a"), models=("a", "b")))
