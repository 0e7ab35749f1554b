"""The simulated OpenAI refuses what OpenAI refuses."""

from __future__ import annotations

import pytest

from proxy.sandbox.chat_rules import check_rules
from proxy.sandbox.contract import SimulatedError
from proxy.sandbox.openai_rules import RULES

HELLO = {"role": "user", "content": "hi"}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "x"}


def calls(id="a", name="f"):
    return {
        "role": "assistant",
        "tool_calls": [{"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}}],
    }


def said(part):
    return {"messages": [{"role": "user", "content": [part]}]}


@pytest.mark.parametrize("change, param", [
    ({"model": "o3", "max_tokens": 5}, "max_tokens"), ({"max_tokens": 5, "max_completion_tokens": 5}, "max_tokens"),
    ({"model": "gpt-5.1", "temperature": 0.3}, "temperature"), ({"model": "ft:gpt-5:x", "stop": ["a"]}, "stop"),
    ({"messages": [calls("a" * 41), {**RESULT, "tool_call_id": "a" * 41}]}, "messages"), ({"messages": [calls(name="a.b"), RESULT]}, "tools"),
    ({"tools": [{"type": "function", "function": {"name": "look up"}}]}, "tools"), ({"messages": [{**calls(), "tool_calls": []}]}, "messages"),
    ({"messages": [calls(), HELLO]}, "messages"), ({"messages": [calls()]}, "messages"),
    ({"messages": [calls(), {**RESULT, "content": [{"type": "image_url"}]}]}, "messages"),
    (said({"type": "image_url", "image_url": {"url": "gs://b/a.png"}}), "messages"),
    (said({"type": "file", "file": {"file_data": "https://x.y/a.pdf"}}), "messages"),
    (said({"type": "file", "file": {"file_id": "file_011"}}), "messages"), (said({"type": "file"}), "messages"),
])  # fmt: skip
def test_a_broken_rule_is_an_error(change, param):
    with pytest.raises(SimulatedError) as caught:
        check_rules({"model": "gpt-4.1", "messages": [HELLO], **change}, RULES)
    assert (caught.value.status, caught.value.param) == (400, param)


@pytest.mark.parametrize("change", [
    {"max_tokens": 5, "temperature": 0.3, "stop": "a"}, {"model": "gpt-5.1", "max_completion_tokens": 5, "temperature": 1},
    {"model": "gpt-5.1", "reasoning_effort": "none", "temperature": 0.3}, {"model": "gpt-5-chat-latest", "max_tokens": 5},
    said({"type": "image_url", "image_url": {"url": "https://x.y/a.png"}}), said({"type": "file", "file": {"file_id": "file-a"}}),
    said({"type": "file", "file": {"file_data": "data:application/pdf;base64,AA=="}}), {"messages": [HELLO, calls(), RESULT, HELLO]}, {"tools": [{"type": "custom", "custom": {"name": "x"}}]},
])  # fmt: skip
def test_what_keeps_the_rules_passes(change):
    check_rules({"model": "gpt-4.1", "messages": [HELLO], **change}, RULES)
