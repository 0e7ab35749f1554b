"""Tools with names that OpenAI and compatible hosts reject are offered under valid names, and called under the caller's."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from proxy.dialects import DIALECTS
from proxy.dialects.contract import CallerRequest
from proxy.dialects.hub.tool_renaming import changed_names
from tests.dialects.oracles import feed_all, response_context, single_bytes

BAD, GOOD = "look.up", "fine"
SENT = "look_up"
HELLO = [{"role": "user", "content": "hi"}]


def tool(name: str) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": name, "parameters": {"type": "object", "big": 12345678901234567890123}},
    }


def call(name: str) -> dict[str, Any]:
    return {"id": "a", "type": "function", "function": {"name": name, "arguments": "{}"}}


def request(**members: Any) -> CallerRequest:
    body = {"model": "m", "messages": HELLO, **members}
    return CallerRequest("chat", body, json.dumps(body).encode(), "gpt-4.1", stream=False)


def names_in(value: Any) -> list[str]:
    """Return every member `name` in a JSON value, in order."""
    if isinstance(value, list):
        return [name for each in value for name in names_in(each)]
    if not isinstance(value, dict):
        return []
    own = [value["name"]] if isinstance(value.get("name"), str) else []
    return own + [name for each in value.values() for name in names_in(each)]


@pytest.mark.parametrize("dialect", ["openai", "compatible"])
@pytest.mark.parametrize("members, names", [
    ({"tools": [tool(BAD), tool(GOOD)]}, [SENT, GOOD]),
    ({"tools": [tool(BAD)], "tool_choice": {"type": "function", "function": {"name": BAD}}}, [SENT, SENT]),
    ({"tools": [tool(BAD)], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool(BAD)]}}}, [SENT, SENT]),
    ({"messages": [*HELLO, {"role": "assistant", "content": None, "tool_calls": [call(BAD)]},
                   {"role": "tool", "tool_call_id": "a", "name": BAD, "content": "x"}]}, [SENT, SENT]),
    ({"tools": [tool(BAD), tool(SENT)]}, ["look_up_5fd51f97", SENT]), ({"tools": [tool("a" * 65)]}, ["a" * 64]),
])  # fmt: skip
def test_names_are_valid_in_what_is_sent(dialect: str, members: dict[str, Any], names: list[str]) -> None:
    built = DIALECTS[dialect].build_request(request(**members))
    assert names_in(json.loads(built.body)) == names
    assert built.tool_names == {names[0]: BAD if "." in str(members) else "a" * 65}


@pytest.mark.parametrize(
    "members", [{}, {"tools": [tool(GOOD)]}, {"tools": "x"}, {"messages": [{"content": '"tool_calls"'}]}]
)
def test_valid_names_change_nothing(members: dict[str, Any]) -> None:
    assert changed_names(request(**members)) == {}


ANSWER = {"id": "c", "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": [call(SENT), call(GOOD)]}, "finish_reason": "tool_calls"}]}  # fmt: skip


@pytest.mark.parametrize("dialect", ["openai", "compatible"])
def test_a_whole_answer_has_the_callers_names(dialect: str) -> None:
    context = response_context(endpoint="chat", tool_names={SENT: BAD})
    assert names_in(orjson.loads(DIALECTS[dialect].translate_response(orjson.dumps(ANSWER), context))) == [BAD, GOOD]


@pytest.mark.parametrize("dialect", ["openai", "compatible"])
def test_a_stream_has_the_callers_names(dialect: str) -> None:
    deltas: list[Any] = [
        {"role": "assistant", "content": None, "tool_calls": [{"index": 0, **call(SENT)}]},
        {"content": None},
    ]
    events = [{"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [
        {"index": 0, "delta": delta, "finish_reason": "tool_calls" if n else None}]} for n, delta in enumerate(deltas)]  # fmt: skip
    data = b"".join(b"data: " + orjson.dumps(event) + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    context = response_context(endpoint="chat", tool_names={SENT: BAD})
    translated = feed_all(DIALECTS[dialect].stream_translator(context), single_bytes(data))
    assert b'"look.up"' in translated and b'"look_up"' not in translated and translated.endswith(b"data: [DONE]\n\n")
