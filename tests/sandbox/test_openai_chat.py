"""What all simulations of the OpenAI format share."""

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
    "content, expected", [(None, ""), ("a", "a"), ([{"type": "text", "text": "a"}, "b", {"x": 1}], "ab")]
)
def test_content_text_joins_strings_and_parts(content, expected):
    assert content_text(content) == expected


@pytest.mark.parametrize(
    "choice, names, required",
    [
        (None, ["one", "two"], False),
        ("none", [], False),
        ("required", ["one", "two"], True),
        ("any", ["one", "two"], True),
        ({"type": "function", "function": {"name": "two"}}, ["two"], True),
        ({"type": "function", "function": {"name": "three"}}, [], True),
    ],
)
def test_the_prompt_contains_the_callable_tools(choice, names, required):
    prompt = parse_prompt("p", {**BODY, "tools": TOOLS, "tool_choice": choice})
    assert (list(prompt.tools), prompt.tool_required) == (names, required)


def test_the_envelope_is_in_the_response_and_in_every_chunk():
    [whole] = complete_chat(CALL, BODY, {"model": "m-2", "tier": "x"}).frames
    *chunks, done = complete_chat(CALL, {**BODY, "stream": True}, {"model": "m-2", "tier": "x"}).frames
    assert done == b"data: [DONE]\n\n"
    for one in [json.loads(whole), *(json.loads(decode(chunk).data) for chunk in chunks)]:
        assert (one["model"], one["tier"], one["created"]) == ("m-2", "x", 1_700_000_000)


def test_every_choice_counts_its_tokens():
    assert complete_chat(CALL, {**BODY, "n": 3}, {}).tokens > 2 * complete_chat(CALL, BODY, {}).tokens
    assert usage(2, 3)["total_tokens"] == 5
