"""Prompts, answers and results for the tests of `parrot compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from proxy.cli.compare.chat_request import Answer, ToolCall
from proxy.cli.compare.grading import Finding
from proxy.cli.compare.prompt_file import Case, load_cases
from proxy.cli.compare.prompts import Check
from proxy.cli.compare.results import Comparison, Run

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
CITY: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": CITY}}

ANSWER = Answer(
    text="Paris",
    finish_reason="stop",
    provider="openai",
    provider_model="gpt-4.1",
    ttft_ms=10.0,
    latency_ms=1500.0,
    prompt_tokens=1200,
    completion_tokens=5,
    cost_usd=0.0001,
)


def case(*checks: Check, name: str = "capital", **members: Any) -> Case:
    return Case(name, {**HELLO, **members}, checks)


def said(text: str = "", *calls: tuple[str, str], finish: str = "stop") -> Answer:
    """An answer of that text and those tool calls."""
    return Answer(text=text, tool_calls=tuple(ToolCall(*call) for call in calls), finish_reason=finish)


def run(of: Case, model: str, answer: Answer = ANSWER, *failures: str, number: int = 1) -> Run:
    """A run whose checks failed for these reasons, after one that passed."""
    findings = () if answer.error else (Finding("equals Paris", None), *(Finding("regex", each) for each in failures))
    return Run(of, model, number, answer, findings)


def comparison(*runs: Run, models: tuple[str, ...] = (), planned: int | None = None) -> Comparison:
    models = models or tuple(dict.fromkeys(each.model for each in runs))
    cases = tuple({each.case.name: each.case for each in runs}.values())
    return Comparison(models, cases, runs, len(runs) if planned is None else planned)


def load(tmp_path: Path, text: str) -> Any:
    """Load a file of prompts, named `p.yaml` in errors."""
    path = tmp_path / "p.yaml"
    path.write_text(text)
    return load_cases(str(path))
