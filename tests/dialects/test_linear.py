"""Routing and translating a request takes time linear in its size, whatever its shape.

Time is counted in bytecode instructions, so the counts are the same on every machine. Work in C is not counted, except
comparing and hashing the strings of requests, which are subclasses that do so in Python."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
import pytest

from proxy.dialects import DIALECTS
from proxy.dialects.anthropic.tables import TOOL_ID
from proxy.dialects.contract import CallerRequest
from proxy.dialects.hub.params import essential_params
from proxy.dialects.names import UniqueNames
from proxy.errors import InvalidRequestError
from proxy.routing.facts import parse_facts
from tests.line_count import instructions

SIZE = 24
MODELS = {
    "gpt-4.1": "openai",
    "claude-opus-4-5": "anthropic",
    "claude-opus-5": "anthropic",
    "gemini-1.5-pro": "google",
    "gemini-3-pro": "google",
    "mistral-large": "mistral",
    "command-a": "cohere",
    "llama": "compatible",
}

PASSED_THROUGH = ("openai", "compatible")
"""Dialects that serialise the caller's strings with msgspec, which rejects subclasses of str."""

Body = dict[str, Any]
HI = {"role": "user", "content": "hi"}


class Text(str):
    """A string that is compared and hashed in Python code."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return str.__ne__(self, other)

    def __hash__(self) -> int:
        return str.__hash__(self)


def with_texts(value: Any) -> Any:
    """Return the value with every string a Text, except keys and arguments: orjson accepts only plain strings there."""
    if isinstance(value, dict):
        return {key: item if key == "arguments" else with_texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_texts(item) for item in value]
    return Text(value) if isinstance(value, str) else value


def growth(shape: Callable[[int], Body], work: Callable[[Body], object]) -> float:
    """Return the ratio of the instructions for a request of twice the size to those for the request."""
    small, large = (shape(size) for size in (SIZE, 2 * SIZE))
    with suppress(InvalidRequestError):
        work(small)  # fills the caches
    return instructions(lambda: work(large)) / instructions(lambda: work(small))


def chat(*messages: Any, **members: Any) -> Body:
    return {"model": "m", "messages": [HI, *messages], **members}


def message(role: str, content: Any = "a", **members: Any) -> Body:
    return {"role": role, "content": content, **members}


def call(id: str, name: str = "f", **members: Any) -> Body:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}, **members}


def calling(*calls: Body) -> Body:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


def result(id: str, content: Any = "r") -> Body:
    return {"role": "tool", "tool_call_id": id, "content": content}


def rounds(*ids: str, **members: Any) -> Body:
    """Return a conversation with a call and its result for each id, one after the other."""
    return chat(*[message for id in ids for message in (calling(call(id, **members)), result(id))])


def at_once(*ids: str, name: Callable[[str], str] = lambda id: "f") -> Body:
    """Return a conversation with all calls in one message, then all results."""
    return chat(calling(*[call(id, name(id)) for id in ids]), *map(result, ids))


def tool(name: str = "f", parameters: Any = None, **members: Any) -> Body:
    described = {"name": name, **members, **({} if parameters is None else {"parameters": parameters})}
    return {"type": "function", "function": described}


def tools(*names: str, **members: Any) -> Body:
    return chat(tools=[tool(name) for name in names], **members)


def choosing(*names: str) -> Body:
    listed = [tool(name) for name in names]
    return chat(
        tools=listed, tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": listed[::-1]}}
    )


def schema(strict: bool = False, **members: Any) -> Body:
    return chat(tools=[tool("f", {"type": "object", **members}, strict=strict)])


def numbered(size: int, stem: str = "x") -> list[str]:
    return [f"{stem}{number}" for number in range(size)]


def properties(*names: str, **schema: Any) -> Body:
    return {"properties": {name: {"type": "string", **schema} for name in names}, "required": list(names)}


def assigned_ids(id: str, size: int) -> list[str]:
    """Return the ids that repeated calls with that id get, one after the other."""
    unique = UniqueNames(TOOL_ID, [id])
    return [unique.assign(id) for _ in range(size)]


def nested(depth: int) -> Body:
    inner: Body = {"type": "string"}
    for _ in range(depth):
        inner = {"type": "object", "properties": {"a": inner}}
    return inner


MANY = 4
"""So many times the size, references exceed what may be inlined for a model without `$ref`."""
DATA = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
REF = {"$ref": "#/$defs/d"}

SHAPES: dict[str, Callable[[int], Body]] = {
    "messages of the user": lambda n: chat(*[HI] * n),
    "messages of both": lambda n: chat(*[message("assistant"), HI] * n),
    "messages of the assistant": lambda n: chat(*[message("assistant")] * n, HI),
    "system messages first": lambda n: {"model": "m", "messages": [*[message("system")] * n, HI]},
    "system messages later": lambda n: chat(*[message("system")] * n, HI),
    "empty messages": lambda n: chat(*[message("assistant", ""), message("user", "")] * n, HI),
    "calls with ids of their own": lambda n: at_once(*numbered(n)),
    "calls with one id": lambda n: rounds(*["x"] * n),
    "calls with one invalid id": lambda n: rounds(*["a.b/" * 99] * n),
    "calls with one id and those it is changed to": lambda n: rounds(*assigned_ids("x", n), *["x"] * n),
    "calls with one id in one message": lambda n: at_once(*["x"] * n),
    "calls whose ids have the same beginning": lambda n: at_once(*numbered(n, "x" * 300)),
    "calls of many names": lambda n: at_once(*numbered(n), name="n.{}".format),
    "calls without results": lambda n: chat(calling(*map(call, numbered(n))), HI),
    "results without calls": lambda n: chat(*map(result, numbered(n))),
    "results among the user's messages": lambda n: chat(
        calling(*map(call, numbered(n))), *[message for id in numbered(n) for message in (result(id), HI)]
    ),
    "members of other providers": lambda n: rounds(*numbered(n), extra_content={}),
    "null members": lambda n: chat(*[message("assistant", refusal=None), HI] * n),
    "parts of text": lambda n: chat(message("user", [{"type": "text", "text": "a"}] * n)),
    "image parts": lambda n: chat(message("user", [DATA] * n)),
    "parts of the assistant": lambda n: chat(message("assistant", [{"type": "text", "text": "a"}] * n), HI),
    "parts of a result": lambda n: chat(calling(call("x")), result("x", [{"type": "text", "text": "a"}] * n)),
    "tools": lambda n: tools(*numbered(n)),
    "tools whose names have the same beginning": lambda n: tools(*numbered(n, "x" * 70)),
    "tools of one name": lambda n: tools(*["a.b/c"] * n),
    "tools that are allowed": lambda n: choosing(*numbered(n)),
    "tools of which one must be called": lambda n: tools(*numbered(n), tool_choice=tool("x0")),
    "functions": lambda n: chat(functions=[{"name": name} for name in numbered(n)]),
    "stop sequences": lambda n: chat(stop=numbered(n)),
    "unknown members": lambda n: chat(**dict.fromkeys(numbered(n), 1)),
    "a message's unknown members": lambda n: chat(message("assistant", **dict.fromkeys(numbered(n), 1)), HI),
    "properties": lambda n: schema(**properties(*numbered(n))),
    "strict properties": lambda n: schema(strict=True, **properties(*numbered(n), minLength=1)),
    "properties and an alternative": lambda n: schema(**properties(*numbered(n)), anyOf=[{"required": []}]),
    "alternatives of one property": lambda n: schema(anyOf=[properties("a", const=name) for name in numbered(n)]),
    "the same alternative": lambda n: schema(anyOf=[properties("a")] * n),
    "parts of a schema": lambda n: schema(allOf=[properties(name) for name in numbered(n)]),
    "references to one wide schema": lambda n: schema(
        anyOf=[REF] * MANY * n, **{"$defs": {"d": properties(*numbered(MANY * n))}}
    ),
    "references as parts": lambda n: schema(allOf=[REF] * n, **{"$defs": {"d": properties(*numbered(n))}}),
    "properties that refer to one wide schema": lambda n: schema(
        properties=dict.fromkeys(numbered(MANY * n), REF), **{"$defs": {"d": properties(*numbered(MANY * n))}}
    ),
    "a reference of many steps": lambda n: schema(anyOf=[{"$ref": "#" + "/a" * n}]),
    "types": lambda n: schema(**properties("a") | {"properties": {"a": {"type": ["string"] * n}}}),
    "deep schemas": lambda n: chat(tools=[tool(name, nested(20)) for name in numbered(n // 4)]),
    "a schema of the answer": lambda n: chat(
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": properties(*numbered(n))}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("shape", SHAPES)
def test_translating_takes_linear_time(shape: str, model: str) -> None:
    dialect = DIALECTS[MODELS[model]]
    texts = with_texts if MODELS[model] not in PASSED_THROUGH else lambda body: body

    def translate(body: Body) -> None:
        dialect.build_request(CallerRequest("chat", body, orjson.dumps(body), model, False))

    assert growth(lambda size: texts(SHAPES[shape](size)), translate) < 2.1


@pytest.mark.parametrize("shape", SHAPES)
def test_routing_takes_linear_time(shape: str) -> None:
    def read(body: Body) -> None:
        parse_facts("chat", orjson.loads(orjson.dumps(body)))
        for model, dialect in MODELS.items():
            DIALECTS[dialect].unsupported_params(essential_params(body), model)
            DIALECTS[dialect].unsupported_params(body, model)

    assert growth(lambda size: with_texts(SHAPES[shape](size)), read) < 2.1


def test_quadratic_work_is_detected() -> None:
    def compared(body: Body) -> None:
        seen: list[str] = []
        for message in body["messages"]:
            seen += [message["content"]] if message["content"] not in seen else []

    assert growth(lambda n: with_texts(chat(*[message("user", name) for name in numbered(n)])), compared) > 3
