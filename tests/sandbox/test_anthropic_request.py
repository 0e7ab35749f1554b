"""The simulated Anthropic refuses what Anthropic refuses, in its words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.sandbox.anthropic_request import REQUIRED, betas_of, check_request, is_custom
from proxy.sandbox.contract import SimulatedError
from tests.dialects.oracles import golden_files

GOLDEN = Path(__file__).parent.parent / "ingress" / "anthropic_messages" / "requests"
USER: dict[str, Any] = {"role": "user", "content": "Hi"}
BASE: dict[str, Any] = {"model": "m", "max_tokens": 2000, "messages": [USER]}
TOOL = {"name": "f", "input_schema": {"type": "object"}}
MARK = {"cache_control": {"type": "ephemeral"}}
TEXT = {"type": "text", "text": "a"}
BETAS = ["context-management-2025-06-27", "claude-code-20250219"]


def check(body: dict[str, Any], betas: list[str] | None = None) -> None:
    check_request(body, "2023-06-01", betas or [], REQUIRED)


@pytest.mark.parametrize("file", golden_files(GOLDEN, "claude_code*.messages.json"))
def test_what_claude_code_sends_is_accepted(file: Path) -> None:
    check(json.loads(file.read_text()), BETAS)


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [TOOL, {"type": "web_search_20250305", "name": "web_search"}], "tool_choice": {"type": "any"}},
        {"system": [{**TEXT, **MARK}], "tools": [{**TOOL, **MARK}], "temperature": 1, "stop_sequences": ["END"]},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"metadata": {"user_id": "u"}},
    ],
)
def test_a_valid_request_is_accepted(more: dict[str, Any]) -> None:
    check({**BASE, **more})


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"context_management": {}}, "context_management: Extra inputs are not permitted"),
        ({"metadata": {"user": "u"}}, "metadata.user: Extra inputs are not permitted"),
        ({"stop_sequences": ["END", " "]}, "stop_sequences.1"),
        ({"temperature": 1.5}, "temperature: range"),
        ({"tools": [{**TOOL, "name": "a b"}]}, "tools.0.custom.name: String should match pattern"),
        ({"tools": [{"name": "f"}]}, "tools.0.custom.input_schema.type"),
        ({"tools": [TOOL, TOOL]}, "Tool names must be unique"),
        ({"tool_choice": {"type": "any"}}, "only be specified while providing tools"),
        ({"tools": [TOOL], "tool_choice": {"type": "required"}}, "tool_choice: Input tag 'required'"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "Tool 'g' not found"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1000}}, "budget_tokens: Input should be greater"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "`max_tokens` must be greater"),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1024}, "tools": [TOOL], "tool_choice": {"type": "any"}},
            "forces tool use",
        ),
        ({"system": [{"type": "image"}]}, "system.0.type"),
        ({"system": [{"type": "text", "text": " "}]}, "non-whitespace"),
    ],
)
def test_an_invalid_request_is_refused(more: dict[str, Any], reason: str) -> None:
    with pytest.raises(SimulatedError) as raised:
        check({**BASE, **more})
    assert raised.value.status == 400 and reason in raised.value.message


def test_four_blocks_may_be_marked_for_the_cache() -> None:
    marked = {**TEXT, **MARK}
    result = {"type": "tool_result", "tool_use_id": "c", "content": [marked]}
    body = {
        **BASE,
        "tools": [{**TOOL, **MARK}],
        "system": [marked],
        "messages": [
            {"role": "user", "content": [marked]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
            {"role": "user", "content": [result]},
        ],
    }
    check(body)
    with pytest.raises(SimulatedError, match="A maximum of 4 blocks with cache_control may be provided. Found 5."):
        check({**body, "system": [marked, marked]})


def test_a_beta_is_a_name_with_a_date() -> None:
    assert betas_of("a-2025-01-01, claude-code-20250219") == ["a-2025-01-01", "claude-code-20250219"]
    assert betas_of(None) == []
    with pytest.raises(SimulatedError, match="Unexpected value"):
        betas_of("a-2025-01-01,unheard-of")


def test_a_tool_without_a_type_is_the_callers() -> None:
    assert is_custom(TOOL) and is_custom({**TOOL, "type": "custom"}) and not is_custom({"type": "bash_20250124"})
