"""A conversation may move from any provider to any other: what one dialect's answers leave in it, every other's rules accept.

Each target's rules are a small table of checks, by what the provider documents or is known to reject.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise, permutations
from typing import Any

import orjson
import pytest

from proxy.dialects import DIALECTS
from proxy.dialects.contract import CallerRequest

Body = dict[str, Any]
PICTURE = "iVBORw0KGgoAAAANSUhEUg=="
MODELS = {
    "openai": "gpt-5.1",
    "anthropic": "claude-sonnet-4-5",
    "google": "gemini-3-pro",
    "mistral": "mistral-large-latest",
    "cohere": "command-a-03-2025",
    "compatible": "llama-4",
}
TOOL = {"type": "function", "function": {"name": "look.up", "parameters": {"type": "object", "properties": {}}}}


def call(id: Any, arguments: Any = '{"city":"Oslo"}', **more: Any) -> Body:
    return {"id": id, "type": "function", "function": {"name": "look.up", "arguments": arguments}, **more}


ANSWERS: Mapping[str, tuple[Body, list[Body]]] = {
    "openai": ({"refusal": None, "annotations": [], "audio": None}, [call("call_" + "a" * 24), call("call_" + "b" * 24)]),
    "anthropic": ({"reasoning_content": "hm", "thinking_blocks": [{"type": "thinking"}]}, [call("toolu_01"), call("toolu_02", None)]),
    "google": ({"images": [], "reasoning_content": "hm"},
               [call("f.1:2", extra_content={"google": {"thought_signature": "c2ln"}}), call("f.1:2")]),
    "mistral": ({"prefix": False}, [call("abcDEF123", index=0), call("abcDEF124", {"city": "Oslo"}, index=1)]),
    "cohere": ({"tool_plan": "I look", "citations": []}, [call("call_chatcmpl-" + "0" * 32 + "_0"), call("call_chatcmpl-" + "0" * 32 + "_1")]),
    "compatible": ({"reasoning": "hm", "reasoning_details": [{}], "function_call": None, "provider": "x"},
                   [call("", '{"city": "Os'), call("chatcmpl-tool-" + "0" * 32, "")]),
}  # fmt: skip
"""What the message of each dialect's models contains besides its content, and the calls that it makes."""


def rounds_of(source: str, count: int) -> Iterator[Body]:
    """Yield the messages of some rounds: a question with a picture, calls, results of which one has a picture, an answer."""
    more, calls = ANSWERS[source]
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
    for number in range(count):
        text = {"type": "text", "text": f"question {number}", "cache_control": {"type": "ephemeral"}}
        yield {"role": "user", "content": [text, picture] if number == 0 else f"question {number}"}
        yield {"role": "assistant", "content": None, "tool_calls": calls, **more}
        yield {"role": "tool", "tool_call_id": calls[0]["id"], "content": '{"a":{"$ref":"#/b"}}'}
        yield {"role": "tool", "tool_call_id": calls[1]["id"], "content": [{"type": "text", "text": "seen"}, picture]}
        yield {"role": "assistant", "content": f"answer {number}", **more}


def conversation(first: str, second: str) -> Body:
    messages = [{"role": "developer", "content": "Be brief."}, *rounds_of(first, 5), *rounds_of(second, 5)]
    return {
        "model": "m",
        "messages": [*messages, {"role": "user", "content": "and now?"}],
        "tools": [TOOL],
        "max_tokens": 900,
    }


def objects(value: Any) -> Iterator[Body]:
    """Yield every object in a JSON value."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(item)


def paired_messages(body: Body) -> bool:
    """Whether the results behind each message with calls are exactly those of its calls, and all ids are unique."""
    seen: list[str] = []
    waiting: list[str] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            return False
        waiting = [made["id"] for made in message.get("tool_calls") or ()]
        seen += waiting
    return not waiting and len(set(seen)) == len(seen) == 20


def paired_blocks(body: Body) -> bool:
    turns = body["messages"]
    ids = [[block["id"] for block in turn["content"] if block["type"] == "tool_use"] for turn in turns]
    answered = [[block["tool_use_id"] for block in turn["content"] if block["type"] == "tool_result"] for turn in turns]
    made = [id for turn in ids for id in turn]
    return ids[:-1] == answered[1:] and len(set(made)) == len(made) == 20


def paired_parts(body: Body) -> bool:
    def ids(content: Body, member: str) -> list[str]:
        return [part[member]["id"] for part in content["parts"] if member in part]

    contents = body["contents"]
    return all(ids(one, "functionCall") == ids(other, "functionResponse") for one, other in pairwise(contents))


def members_within(allowed: Mapping[str, str]) -> Callable[[Body], bool]:
    """Return the check that messages have no other members than those of their role."""
    return lambda body: all(set(each) <= set(allowed.get(each["role"], "").split()) for each in body["messages"])


def calls_of(body: Body) -> list[Body]:
    return [made for message in body["messages"] for made in message.get("tool_calls") or ()]


def arguments_are_objects(body: Body) -> bool:
    return all(isinstance(orjson.loads(made["function"]["arguments"]), dict) for made in calls_of(body))


def tool_content_is_text(body: Body) -> bool:
    results = [message for message in body["messages"] if message["role"] == "tool"]
    return all("image_url" not in str(message["content"]) and message["content"] for message in results)


def has_pictures(body: Body) -> bool:
    return orjson.dumps(body).count(PICTURE.encode()) == 12


MEMBERS = {
    "system": "role content",
    "user": "role content",
    "assistant": "role content tool_calls",
    "tool": "role tool_call_id content",
}
SHARED: Mapping[str, Callable[[Body], bool]] = {
    "pictures arrive": has_pictures,
    "calls and results are paired": paired_messages,
    "arguments are objects": arguments_are_objects,
    "no cache_control": lambda body: not any("cache_control" in each for each in objects(body)),
    "calls have only their members": lambda body: all(
        set(made) == {"id", "type", "function"} for made in calls_of(body)
    ),
}
RULES: Mapping[str, Mapping[str, Callable[[Body], bool]]] = {
    "openai": {
        **SHARED,
        "members": members_within({**MEMBERS, "developer": "role content", "assistant": "role content tool_calls refusal audio annotations function_call"}),
        "ids are short": lambda body: all(0 < len(made["id"]) <= 40 for made in calls_of(body)),
        "images come from users": tool_content_is_text,
        "the limit has its name": lambda body: "max_tokens" not in body,
    },
    "compatible": {
        **SHARED,
        "members": members_within(MEMBERS),
        "ids are short": lambda body: all(0 < len(made["id"]) <= 40 for made in calls_of(body)),
        "images come from users": tool_content_is_text,
    },
    "mistral": {
        **SHARED,
        "members": members_within(MEMBERS),
        "ids have nine characters": lambda body: all(re.fullmatch("[a-zA-Z0-9]{9}", made["id"]) for made in calls_of(body)),
        "no user after a tool": lambda body: not re.search("tool user", " ".join(each["role"] for each in body["messages"])),
    },
    "cohere": {
        **SHARED,
        "members": members_within({**MEMBERS, "assistant": "role content tool_calls tool_plan"}),
        "images come from users": tool_content_is_text,
        "tool names": lambda body: all(re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", each["function"]["name"]) for each in calls_of(body)),
    },
    "anthropic": {
        "pictures arrive": has_pictures,
        "calls and results are paired": paired_blocks,
        "ids": lambda body: all(re.fullmatch("[a-zA-Z0-9_-]+", each["id"]) for each in objects(body) if each.get("type") == "tool_use"),
        "inputs are objects": lambda body: all(isinstance(each["input"], dict) for each in objects(body) if each.get("type") == "tool_use"),
        "roles alternate": lambda body: [each["role"] for each in body["messages"]] == ["user", "assistant"] * 20 + ["user"],
        "at most four breakpoints": lambda body: sum("cache_control" in each for each in objects(body)) <= 4,
        "no blank text": lambda body: all(each["text"].strip() for each in objects(body) if each.get("type") == "text"),
    },
    "google": {
        "pictures arrive": has_pictures,
        "calls and results are paired": paired_parts,
        "signed": lambda body: all(
            next(part for part in each["parts"] if "functionCall" in part).get("thoughtSignature")
            for each in body["contents"] if "functionCall" in str(each["parts"])
        ),
        "no reference": lambda body: not any("$ref" in each for each in objects(body["contents"])),
        "responses are objects": lambda body: all(isinstance(each["response"], dict) for each in objects(body) if "response" in each),
    },
}  # fmt: skip


@pytest.mark.parametrize("first, second", [*permutations(ANSWERS, 2)])
@pytest.mark.parametrize("target", MODELS)
def test_a_conversation_of_two_providers_is_accepted_by_any(first: str, second: str, target: str) -> None:
    body = conversation(first, second)
    caller = CallerRequest("chat", body, orjson.dumps(body), MODELS[target], stream=False)
    sent = orjson.loads(DIALECTS[target].build_request(caller).body)
    assert [name for name, accepts in RULES[target].items() if not accepts(sent)] == []


def test_the_conversation_itself_breaks_the_rules_of_every_target_with_its_format() -> None:
    body = conversation("google", "cohere")
    broken = {"members", "no cache_control", "calls have only their members"}
    for target in ("openai", "compatible", "mistral", "cohere"):
        assert {name for name in broken if RULES[target][name](body)} == set(), target
    assert not RULES["openai"]["ids are short"](body) and not RULES["compatible"]["images come from users"](body)
