"""A decision as text: aligned columns, reasons in table_source, no wider than the terminal."""

from __future__ import annotations

import re
from typing import Any

import pytest

from proxy.cli.table import format_decision
from tests.source import ROOT

EXPLANATION: dict[str, Any] = {
    "request_id": "r-1",
    "model": "gpt-4",
    "strategy": "automatic",
    "policy": {"data_residency": "EU", "provider_preference": ["a", "b"], "provider_weights": {"a": 1}, "n": 0.1},
    "plan": [
        {"target": "openai@eu-central-1/gpt-4.1", "score": 0.25},
        {"target": "x@eu/m", "score": 12.5, "max_tokens": 333},
        {"target": "y@eu/m", "score": None, "available_in_ms": 4250},
    ],
    "excluded": [
        {"target": "openai@us-east-1/gpt-4.1", "provider": "openai", "reason": "data_residency"},
        {"target": None, "provider": "cohere", "reason": "model_not_served"},
        {"target": "z@eu/m", "provider": "z", "reason": "unsupported_params: logprobs, top_logprobs"},
    ],
}

EXPECTED = """
model       gpt-4
strategy    automatic
request id  r-1
policy      data_residency EU; provider_preference a,b; provider_weights
            {"a":1}; n 0.1

  #  target                         score
  1  openai@eu-central-1/gpt-4.1   0.2500
  2  x@eu/m                       12.5000  max_tokens lowered to 333
  3  y@eu/m                             -  unavailable for 4.2 s

Excluded:
     openai@us-east-1/gpt-4.1     outside the required data residency
     cohere                       does not serve this model
     z@eu/m                       unsupported params: logprobs, top_logprobs
"""


def test_the_plan_and_the_reasons_are_in_columns() -> None:
    assert format_decision(EXPLANATION, 80) == EXPECTED.strip("\n")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, format_decision({**EXPLANATION, "plan": []}, width).splitlines())) <= width


def test_in_a_narrow_terminal_reasons_wrap_with_a_hanging_indent() -> None:
    lines = format_decision(EXPLANATION, 60).splitlines()
    (at,) = [number for number, line in enumerate(lines) if "unsupported" in line]
    assert lines[at].index("unsupported") == len(lines[at + 1]) - len(lines[at + 1].lstrip())


@pytest.mark.parametrize(
    ("strategy", "score", "header", "shown"),
    [
        ("geographic", 6191.2, "km", "6,191"),
        ("cost-optimized", 0.0327781, "USD at worst", "0.032778"),
        ("performance", 812.34, "median", "812.3"),
        ("least-busy", 3, "in flight", "3"),
        ("round-robin", 0.5, "score", "0.5000"),
    ],
)
def test_the_score_column_is_named_by_the_strategy(strategy: str, score: float, header: str, shown: str) -> None:
    plan = [{"target": "a@b/c", "score": score}]
    head, row = format_decision({**EXPLANATION, "strategy": strategy, "plan": plan, "excluded": []}, 80).splitlines()[
        -2:
    ]
    assert head.endswith(header) and row.endswith(shown) and len(head) == len(row)


def test_an_empty_plan_and_an_empty_policy_have_their_own_text() -> None:
    text = format_decision({**EXPLANATION, "plan": [], "excluded": [], "policy": {}}, 80)
    assert text.endswith("No eligible target.")
    assert "policy      defaults of the file" in text


def test_every_exclusion_reason_has_a_text() -> None:
    text = "".join((ROOT / f"proxy/routing/{name}.py").read_text() for name in ("eligibility", "cost_ceiling"))
    table_source = (ROOT / "proxy/cli/table.py").read_text()
    reasons = set(re.findall(r'"([a-z]+_[a-z_]+)"', text))
    assert {"over_cost", "data_residency"} < reasons
    assert not [reason for reason in reasons if f'"{reason}"' not in table_source]


def test_priority_and_weight_are_columns_where_they_differ() -> None:
    plan = [
        {"target": "a@eu/m", "score": 1.0, "priority": 0, "weight": 2.5, "drops": ["seed", "user"]},
        {"target": "b@eu/m", "score": None, "priority": 1, "weight": 0.0},
    ]
    lines = format_decision({**EXPLANATION, "plan": plan}, 80).splitlines()[6:9]
    assert lines == [
        "  #  target                     score  priority    weight",
        "  1  a@eu/m                    1.0000         0       2.5  drops seed, user",
        "  2  b@eu/m                         -         1         0",
    ]
    alike = [{**step, "priority": 1, "weight": 1.0} for step in plan]
    assert "priority" not in format_decision({**EXPLANATION, "plan": alike}, 80)


def test_a_constraint_and_a_reason_have_their_levels() -> None:
    explanation = {
        **EXPLANATION,
        "policy": {"data_residency": "EU"},
        "policy_sources": {"data_residency": ["defaults", "key"]},
        "policy_conflict": "provider of model and key",
        "warnings": ["preference-overridden;provider=a;by=priority"],
        "excluded": [{"target": "x@us/m", "provider": "x", "reason": "data_residency", "levels": ["key"]}],
    }
    text = format_decision(explanation, 80)
    assert "policy      data_residency EU (defaults, key)" in text
    assert "conflict    provider of model and key" in text
    assert "warnings    preference-overridden;provider=a;by=priority" in text
    assert "outside the required data residency (key)" in text


def test_the_keys_of_a_pool_have_a_section() -> None:
    states = [
        {"name": "key 1", "status": "cooling down", "seconds": 12},
        {"name": "spare", "status": "available"},
        {"name": "key 3", "status": "missing", "reason": "OPENAI_KEY is not set"},
    ]
    *_, title, line = format_decision({**EXPLANATION, "keys": {"openai": states}}, 120).splitlines()
    assert title == "Keys:" and line.split("  ")[-1].strip() == (
        "key 1 cooling down for 12 s, spare available, key 3 missing: OPENAI_KEY is not set"
    )
