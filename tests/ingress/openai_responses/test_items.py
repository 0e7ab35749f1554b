"""Input items as messages: what belongs to one turn is one message, and results follow their calls."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.sealed_reasoning import seal
from proxy.errors import InvalidRequestError
from proxy.ingress.openai_responses.items import RUN_BY_PROVIDER
from tests.ingress.openai_responses.oracles import to_hub

USER = {"role": "user", "content": "Go"}
SAID = {"type": "message", "role": "assistant", "content": "Well."}


def call(id: str, name: str = "f") -> dict[str, Any]:
    return {"type": "function_call", "call_id": id, "name": name, "arguments": "{}"}


def output(id: str, text: str = "1") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": id, "output": text}


def thought(**members: Any) -> dict[str, Any]:
    return {"type": "reasoning", "summary": [], "encrypted_content": seal(members)}


def roles(*items: Any) -> list[str]:
    """Return the messages of these items as words: role, then what it has."""
    words = {"content": "text", "tool_calls": "calls", "thinking_blocks": "thinking", "tool_call_id": "result"}
    messages = to_hub(input=list(items)).body["messages"]
    return [
        " ".join([message["role"], *(word for name, word in words.items() if message.get(name))])
        for message in messages
    ]


@pytest.mark.parametrize("items, expected", [
    ([USER, SAID, call("1"), output("1")], ["user text", "assistant text calls", "tool text result"]),
    ([USER, call("1"), call("2"), output("2"), output("1")],
     ["user text", "assistant calls", "tool text result", "tool text result"]),
    ([USER, call("1"), USER, output("1")], ["user text", "assistant calls", "tool text result", "user text"]),
    ([USER, call("1"), SAID, output("1")], ["user text", "assistant text calls", "tool text result"]),
    ([USER, call("1"), output("1"), call("2"), output("2")],
     ["user text", "assistant calls", "tool text result", "assistant calls", "tool text result"]),
    ([USER, thought(thinking_blocks=[{"type": "thinking"}]), SAID, USER],
     ["user text", "assistant text thinking", "user text"]),
    ([USER, SAID, thought(thinking_blocks=[{"type": "thinking"}]), call("1"), output("1")],
     ["user text", "assistant text", "assistant calls thinking", "tool text result"]),
    ([USER, thought(thinking_blocks=[{"type": "thinking"}]), USER], ["user text", "user text"]),
    ([USER, call("1"), thought(thinking_blocks=[{"type": "thinking"}]), call("2"), output("1"), output("2")],
     ["user text", "assistant calls thinking", "tool text result", "tool text result"]),
])  # fmt: skip
def test_items_become_turns(items: list[Any], expected: list[str]) -> None:
    assert roles(*items) == expected


@pytest.mark.parametrize("is_before", [True, False])
def test_the_signature_of_a_call_comes_back_wherever_the_caller_puts_it(is_before: bool) -> None:
    signature = thought(calls={"1": {"google": {"thought_signature": "c2ln"}}})
    items = [signature, call("1")] if is_before else [call("1"), signature]
    called = to_hub(input=[USER, *items, output("1")]).body["messages"][1]
    assert called["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "c2ln"}}


@pytest.mark.parametrize("kind", sorted(RUN_BY_PROVIDER))
def test_what_a_providers_own_tools_did_is_left_out_with_a_warning(kind: str) -> None:
    hub = to_hub(input=[USER, {"type": kind, "id": "x"}, SAID, USER])
    assert hub.warnings == (f"item-dropped;type={kind}",) and len(hub.body["messages"]) == 3


@pytest.mark.parametrize("items, param, code", [
    ([5], "input[0]", "invalid_request"),
    ([{}], "input[0].id", "invalid_request"),
    ([{"role": "tool", "content": "x"}], "input[0].role", "invalid_request"),
    ([{"role": "user", "content": [{"type": "x"}]}], "input[0].content[0]", "invalid_request"),
    ([output("1")], "input[0].call_id", "invalid_request"),
    ([call("1"), output("1"), output("1")], "input[2].call_id", "invalid_request"),
    ([call("1"), call("1")], "input[1].call_id", "invalid_request"),
    ([{"type": "function_call", "call_id": "1", "name": "f", "arguments": {}}], "input[0].arguments", "invalid_request"),
    ([{"type": "function_call", "call_id": "1", "arguments": "{}"}], "input[0].name", "invalid_request"),
    ([{"type": "custom_tool_call", "call_id": "1", "name": "f"}], "input[0].input", "invalid_request"),
    ([{"type": "function_call", "name": "f", "arguments": "{}"}], "input[0].call_id", "invalid_request"),
    ([{"type": "item_reference", "id": "msg_1"}], "input[0].id", "invalid_request"),
    ([{"id": "msg_1"}], "input[0].id", "invalid_request"),
    ([{"type": "compaction", "encrypted_content": "x"}], "input[0].type", "unsupported_feature"),
    ([{"type": "shell_call"}], "input[0].type", "unsupported_feature"),
    ([{"type": ["x"]}], "input[0].type", "unsupported_feature"),
])  # fmt: skip
def test_an_item_that_cannot_be_expressed_is_named(items: list[Any], param: str, code: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        to_hub(input=items)
    assert (caught.value.param, caught.value.code) == (param, code)


def test_messages_of_one_turn_are_joined() -> None:
    parts = {**SAID, "content": [{"type": "output_text", "text": "So."}]}
    assert to_hub(input=[USER, SAID, SAID]).body["messages"][1]["content"] == "Well.\n\nWell."
    assert [part["text"] for part in to_hub(input=[USER, SAID, parts]).body["messages"][1]["content"]] == [
        "Well.",
        "So.",
    ]
