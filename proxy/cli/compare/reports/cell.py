"""What every report shows of a prompt at a model, as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.cli.compare.prompt_file import Case
from proxy.cli.compare.results import Comparison, Figures, Run
from proxy.cli.durations import format_duration

UNKNOWN = "-"
FIGURES = ("valid", "checks", "ttft", "latency", "tokens", "cost")
"""Names of the measurements, in the order of reports."""
_RESULTS = {"good": "passed", "bad": "failed", "none": "not run"}
_MARKS = {"good": "✓", "bad": "✗", "none": "○"}


@dataclass(frozen=True, slots=True)
class Cell:
    """The runs of a prompt at a model, or of all prompts at a model."""

    model: str
    runs: tuple[Run, ...]

    @classmethod
    def of(cls, comparison: Comparison, case: Case, model: str) -> Cell:
        """Return the cell of a prompt and a model."""
        return cls(model, comparison.runs_of(model, case))

    @classmethod
    def of_model(cls, comparison: Comparison, model: str) -> Cell:
        """Return all runs of a model."""
        return cls(model, comparison.runs_of(model))

    @property
    def state(self) -> str:
        """`good` if all runs have passed, else `bad`, or `none` without any."""
        passed = [run.passed for run in self.runs]
        return "none" if not passed else "good" if all(passed) else "bad"

    @property
    def count(self) -> str:
        """How many runs passed, such as `2/3`."""
        return f"{sum(run.passed for run in self.runs)}/{len(self.runs)}"

    @property
    def is_answered(self) -> bool:
        """Whether any run has an answer, rather than an error."""
        return any(run.answer.error is None for run in self.runs)

    @property
    def result(self) -> str:
        """`passed`, `failed` or `not run`, of several runs with their count."""
        return _RESULTS[self.state] + (f" ({self.count})" if len(self.runs) > 1 else "")

    @property
    def mark(self) -> str:
        """The result as one character."""
        return _MARKS[self.state]

    @property
    def served_by(self) -> str:
        """The providers that answered, each with its name for the model."""
        answers = [run.answer for run in self.runs if run.answer.provider is not None]
        return ", ".join(dict.fromkeys(f"{each.provider}/{each.provider_model}" for each in answers)) or UNKNOWN

    @property
    def figures(self) -> Mapping[str, str]:
        """The measurements as text, by the names of FIGURES."""
        figures = Figures.of(self.runs)
        shares = map(_share, (figures.valid, figures.checks))
        times = map(format_duration, (figures.ttft_ms, figures.latency_ms))
        return dict(zip(FIGURES, (*shares, *times, _tokens(figures), format_cost(figures.cost_usd)), strict=True))

    @property
    def shown(self) -> Run | None:
        """The run that stands for all where there is room for one: the first that failed, else the first."""
        return next((run for run in self.runs if not run.passed), self.runs[0] if self.runs else None)

    def title(self, run: Run) -> str:
        """Return the number of a run if there are several."""
        return f"run {run.number}" if len(self.runs) > 1 else ""


def _share(counts: tuple[int, int]) -> str:
    passed, total = counts
    return f"{passed}/{total}" if total else UNKNOWN


def _tokens(figures: Figures) -> str:
    """Return the tokens of the prompt and of the answer."""
    counts = [figures.prompt_tokens, figures.completion_tokens]
    return " + ".join(UNKNOWN if each is None else f"{each:,.0f}" for each in counts) if any(counts) else UNKNOWN


def format_cost(usd: float | None) -> str:
    """Return an amount, with six decimals if it is small."""
    return UNKNOWN if usd is None else f"${usd:.4f}" if usd >= 1 else f"${usd:.6f}"


def answer_text(run: Run) -> str:
    """Return the text of an answer, and its tool calls."""
    calls = [f"→ {call.name}({call.arguments})" for call in run.answer.tool_calls]
    return "\n".join([*([run.answer.text] if run.answer.text else []), *calls])


def prompt_text(case: Case) -> str:
    """Return the last message of a prompt."""
    return _content_text(case.request["messages"][-1])


def messages_text(case: Case) -> str:
    """Return all messages of a prompt, of several each with its role in front."""
    messages = case.request["messages"]
    if not messages[1:]:
        return prompt_text(case)
    return "\n".join(f"{each['role']}: {_content_text(each)}" for each in messages)


def _content_text(message: Mapping[str, Any]) -> str:
    """Return the text of a message. Of a part that is none, its type in brackets."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    texts = (part.get("text") or f"[{part.get('type')}]" if isinstance(part, dict) else part for part in parts)
    return "\n".join(str(text) for text in texts if text is not None)
