"""Translating a request of a client API to the hub takes time linear in its size, whatever its shape.

Joining texts and lists in C is not counted as time here, so the sizes of what is joined more than once are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from proxy.ingress import find_format
from tests.dialects.test_linear import growth, numbered, properties, with_texts

Body = dict[str, Any]


def responses(*items: Body, **members: Any) -> Body:
    return {"model": "m", "input": [*items, {"role": "user", "content": "hi"}], **members}


def messages(*contents: list[Body], **members: Any) -> Body:
    turns = [{"role": "user", "content": content} for content in ([{"type": "text", "text": "hi"}], *contents)]
    return {"model": "m", "max_tokens": 1, "messages": turns, **members}


def called(id: str) -> Body:
    return {"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"}


def output(id: str) -> Body:
    return {"type": "function_call_output", "call_id": id, "output": "r"}


def closed(*names: str) -> Body:
    return {"type": "object", "additionalProperties": False, **properties(*names)}


REASONING = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "t"}]}
RESPONSES: dict[str, Callable[[int], Body]] = {
    "messages of the assistant": lambda n: responses(*[{"role": "assistant", "content": "a"}] * n),
    "reasoning": lambda n: responses(*[REASONING] * n),
    "calls, then their outputs": lambda n: responses(*map(called, numbered(n)), *map(output, numbered(n))),
    "tools": lambda n: responses(tools=[{"type": "function", "name": name} for name in numbered(n)]),
    "a schema of the answer": lambda n: responses(
        text={"format": {"type": "json_schema", "name": "a", "schema": closed(*numbered(n))}}
    ),
}
MESSAGES: dict[str, Callable[[int], Body]] = {
    "texts": lambda n: messages([{"type": "text", "text": "a"}] * n),
    "results": lambda n: messages([{"type": "tool_result", "tool_use_id": id, "content": "r"} for id in numbered(n)]),
    "tools": lambda n: messages(tools=[{"name": name, "input_schema": {}} for name in numbered(n)]),
    "a schema of the answer": lambda n: messages(
        output_config={"format": {"type": "json_schema", "schema": closed(*numbered(n))}}
    ),
}
SHAPES = [("responses", name, shape) for name, shape in RESPONSES.items()]
SHAPES += [("messages", name, shape) for name, shape in MESSAGES.items()]


@pytest.mark.parametrize(("endpoint", "name", "shape"), SHAPES)
def test_translating_takes_linear_time(endpoint: str, name: str, shape: Callable[[int], Body]) -> None:
    request_to_hub = find_format(endpoint).request_to_hub
    assert request_to_hub is not None
    assert growth(lambda size: with_texts(shape(size)), request_to_hub) < 2.1
