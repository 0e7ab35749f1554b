"""The simulated model is deterministic, and the arguments of its tool calls match their schema."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.sandbox.model import ANY_JSON, Prompt, count_tokens, generate


def prompt(**more):
    return Prompt(**{"provider": "p", "model": "m", "user": "hi", **more})


@settings(deadline=None)
@given(st.text(), st.none() | st.integers(1, 100))
def test_the_pieces_add_up_to_the_text(user, most):
    output = generate(prompt(user=user, max_tokens=most))
    full = f"Hello from p (m), simulated. You said: {user[:200]}"
    assert output.text == (full if most is None else full[: 4 * most])
    assert output.truncated is (output.text != full)
    assert all(output.pieces)


@pytest.mark.parametrize(
    "more, called",
    [
        ({"tools": {"look": {}}}, []),
        ({"tools": {"look": {}, "see": {}}, "user": "see and look"}, ["look", "see"]),
        ({"tools": {"look": {}, "see": {}}, "tool_required": True}, ["look"]),
        ({"tools": {"look": {}}, "tool_required": True, "tool_result": "seen"}, []),
        ({"tool_required": True}, []),
    ],
)
def test_a_tool_is_called_when_named_or_required(more, called):
    output = generate(prompt(**more))
    assert [call.name for call in output.tool_calls] == called
    assert bool(output.text) is not bool(called)


@pytest.mark.parametrize("text, count", [("", 1), ("four", 1), ("fives", 2), ("x" * 400, 100)])
def test_four_characters_are_a_token(text, count):
    assert count_tokens(text) == count


def test_a_prefilled_answer_is_continued():
    whole = generate(Prompt("openai", "gpt-x", "hello")).text
    assert generate(Prompt("openai", "gpt-x", "hello", prefill=whole[:10])).text == whole[10:]


def test_an_answer_with_a_schema_is_json_that_matches_it():
    schema = {"type": "object", "properties": {"a": {"enum": [3, 4]}}, "required": ["a"]}
    assert generate(prompt(schema=schema)).text == '{"a":3}'
    assert generate(prompt(schema=ANY_JSON, tools={"look": {}})).text == '{"answer":"example"}'
    assert generate(prompt(schema=ANY_JSON, tools={"look": {}}, user="look")).tool_calls
