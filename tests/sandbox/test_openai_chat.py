"""What all who answer in OpenAI's shape have in common."""

from __future__ import annotations

import json

import pytest

from proxy.sandbox.contract import Call
from proxy.sandbox.openai_chat import complete_chat, content_text, parse_prompt, usage
from proxy.sse import decode

CALL = Call("groq", "POST", "/", {}, b"", now=1_700_000_000.5)
BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("one", "two")]


@pytest.mark.parametrize(
    "content, said", [(None, ""), ("a", "a"), ([{"type": "text", "text": "a"}, "b", {"x": 1}], "ab")]
)
def test_text_is_found_in_strings_and_parts(content, said):
    assert content_text(content) == said


@pytest.mark.parametrize(
    "choice, names, forced",
    [
        (None, ["one", "two"], False),
        ("none", [], False),
        ("required", ["one", "two"], True),
        ("any", ["one", "two"], True),
        ({"type": "function", "function": {"name": "two"}}, ["two"], True),
        ({"type": "function", "function": {"name": "three"}}, [], True),
    ],
)
def test_a_prompt_knows_which_tools_may_be_called(choice, names, forced):
    made = parse_prompt("p", {**BODY, "tools": TOOLS, "tool_choice": choice})
    assert (list(made.tools), made.tool_required) == (names, forced)


def test_the_envelope_is_in_the_answer_and_in_every_chunk():
    [whole] = complete_chat(CALL, BODY, {"model": "m-2", "tier": "x"}).frames
    *chunks, done = complete_chat(CALL, {**BODY, "stream": True}, {"model": "m-2", "tier": "x"}).frames
    assert done == b"data: [DONE]\n\n"
    for one in [json.loads(whole), *(json.loads(decode(chunk).data) for chunk in chunks)]:
        assert (one["model"], one["tier"], one["created"]) == ("m-2", "x", 1_700_000_000)


def test_every_choice_costs():
    assert complete_chat(CALL, {**BODY, "n": 3}, {}).tokens > 2 * complete_chat(CALL, BODY, {}).tokens
    assert usage(2, 3)["total_tokens"] == 5
