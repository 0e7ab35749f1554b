"""The report as JSON has everything."""

from __future__ import annotations

from dataclasses import replace

import orjson

from proxy.cli.compare.chat_request import ToolCall
from proxy.cli.compare.reports.json_report import json_report
from tests.cli.compare.samples import ANSWER, case, comparison, run


def test_every_answer_is_in_the_report() -> None:
    answer = replace(ANSWER, text="", tool_calls=(ToolCall("f", "{}"),), warnings=("w",))
    report = orjson.loads(json_report(comparison(run(case(), "m", answer, "no match"), planned=2)))
    assert report == {
        "passed": 0,
        "answers": 1,
        "planned": 2,
        "models": {
            "m": {
                "runs": 1, "passed": 0, "valid": [0, 0], "checks": [1, 2], "ttft_ms": 10.0, "latency_ms": 1500.0,
                "prompt_tokens": 1200, "completion_tokens": 5, "cost_usd": 0.0001,
            },
        },
        "runs": [
            {
                "prompt": "capital", "model": "m", "run": 1, "passed": False, "text": "",
                "tool_calls": [{"name": "f", "arguments": "{}"}], "finish_reason": "stop", "error": None,
                "provider": "openai", "provider_model": "gpt-4.1", "warnings": ["w"], "ttft_ms": 10.0, "latency_ms": 1500.0,
                "prompt_tokens": 1200, "completion_tokens": 5, "cost_usd": 0.0001,
                "checks": [{"check": "equals Paris", "failure": None}, {"check": "regex", "failure": "no match"}],
            },
        ],
    }  # fmt: skip
