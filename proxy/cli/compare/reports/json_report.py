"""The report as JSON: everything that is known of every answer."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson

from proxy.cli.compare.results import Comparison, Figures, Run


def json_report(comparison: Comparison) -> str:
    """Return the report: totals of each model, and every run."""
    report = {
        "passed": comparison.passed,
        "answers": len(comparison.runs),
        "planned": comparison.planned,
        "models": {model: asdict(Figures.of(comparison.runs_of(model))) for model in comparison.models},
        "runs": [_run(run) for run in comparison.runs],
    }
    return orjson.dumps(report, option=orjson.OPT_INDENT_2).decode()


def _run(run: Run) -> dict[str, Any]:
    checks = [{"check": each.title, "failure": each.failure} for each in run.findings]
    head = {"prompt": run.case.name, "model": run.model, "run": run.number, "passed": run.passed}
    return {**head, **asdict(run.answer), "checks": checks}
