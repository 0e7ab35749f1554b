"""The simulated providers refuse what their vendors refuse, and answer in the vendor's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.sandbox import cohere, compatible, google, mistral
from proxy.sandbox.contract import Call, SimulatedError

HELLO = {"role": "user", "content": "hi"}
KEY = {"Authorization": "Bearer k"}
IMAGE = {"type": "image_url", "image_url": "https://example.com/a.png"}


def calls(id: str = "abcdefgh1", name: str = "f", **more: Any) -> dict[str, Any]:
    call = {"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}, **more}
    return {"role": "assistant", "tool_calls": [call]}


def result(content: Any = "x") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "abcdefgh1", "content": content}


def tool(name: str = "f", **parameters: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", **parameters}}}


def status_of(simulation: Any, path: str, body: dict[str, Any]) -> int:
    call = Call("p", "POST", path, KEY, json.dumps(body).encode())
    try:
        return int(simulation.handle(call).status)
    except SimulatedError as error:
        reply = simulation.render_error(call, error)
        assert error.message in json.dumps(json.loads(reply.frames[0]), ensure_ascii=False).replace('\\"', '"')
        return int(reply.status)


@pytest.mark.parametrize("change, status", [
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {}}]}]}, 422),
    ({"messages": [{"role": "user", "content": [{"type": "video_url", "video_url": "x"}]}]}, 422),
    ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "x"}}]}]}, 422),
    ({"messages": [calls(extra_content={}), result()]}, 422), ({"messages": [calls("call_1"), result()]}, 400),
    ({"messages": [calls(name="a.b"), result()]}, 400), ({"messages": [calls()]}, 400),
    ({"messages": [calls(), {"role": "system", "content": "x"}, HELLO]}, 400),
    ({"tools": [tool("look up")]}, 400), ({"tools": [tool()] * 129}, 422), ({"tool_choice": "function"}, 422),
    ({"response_format": {"type": "json"}}, 422), ({"response_format": {"type": "text", "x": 1}}, 422),
    ({"messages": [HELLO, calls(), result()]}, 200), ({"messages": [{"role": "user", "content": [IMAGE]}]}, 200),
    ({"tools": [tool()], "response_format": {"type": "json_object"}}, 200),
])  # fmt: skip
def test_mistral(change: dict[str, Any], status: int) -> None:
    body = {"model": "mistral-small-latest", "messages": [HELLO], **change}
    assert status_of(mistral.SIMULATION, "/v1/chat/completions", body) == status


def schema(**members: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_object", "json_schema": {"type": "object", **members}}}


A: dict[str, Any] = {"properties": {"a": {"type": "string"}}, "required": ["a"]}
MANY = {"properties": {f"a{number}": {} for number in range(201)}, "required": ["a0"]}


@pytest.mark.parametrize("change, status", [
    ({"messages": [{**HELLO, "name": "x"}]}, 400), ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, 400),
    ({"messages": [calls(), result([IMAGE])]}, 400), ({"messages": [calls(index=0), result()]}, 400),
    ({"messages": [calls(name="a-b"), result()]}, 400), ({"messages": [calls(), HELLO]}, 400),
    ({"max_tokens": 100_000}, 400), ({"tools": [tool("1st")]}, 400), (schema(**A, allOf=[]), 400), (schema(**MANY), 400),
    (schema(properties={"a": {"type": "array", "items": {"minimum": 1}}}, required=["a"]), 400),
    (schema(properties={"a": {}}), 400), ({"tools": [tool()], "strict_tools": True}, 400),
    ({"messages": [HELLO, calls(), result()]}, 200), ({"messages": [{"role": "user", "content": [IMAGE]}]}, 200),
    ({"tools": [tool(**A)], "strict_tools": True}, 200), (schema(**A), 200), ({"tools": [tool(minProperties=1)]}, 200),
    (schema(properties={"not": {"type": "string"}}, required=["not"]), 200), ({"max_tokens": 8192}, 200),
])  # fmt: skip
def test_cohere(change: dict[str, Any], status: int) -> None:
    body = {"model": "command-a-03-2025", "messages": [HELLO], **change}
    assert status_of(cohere.SIMULATION, "/v2/chat", body) == status


@pytest.mark.parametrize("change, status", [
    ({"messages": [{"role": "developer", "content": "x"}, HELLO]}, 400),
    ({"messages": [HELLO, {"role": "assistant", "content": "x", "reasoning_content": "y"}, HELLO]}, 400),
    ({"messages": [HELLO, {"role": "assistant", "content": "x", "refusal": None}, HELLO]}, 400),
    ({"messages": [calls(extra_content={}), result()]}, 400), ({"messages": [calls(), result([IMAGE])]}, 400),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {}}]}]}, 400),
    ({"messages": [HELLO, {**calls(), "tool_calls": []}]}, 400), ({"messages": [HELLO, calls(), result()]}, 200),
    ({"messages": [{"role": "user", "content": [IMAGE]}]}, 200),
])  # fmt: skip
def test_openai_compatible_hosts(change: dict[str, Any], status: int) -> None:
    assert (
        status_of(compatible.SIMULATION, "/v1/chat/completions", {"model": "m", "messages": [HELLO], **change})
        == status
    )


USER = {"role": "user", "parts": [{"text": "x"}]}
CALL = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "AA=="}]}
NAMED = {"role": "model", "parts": [{"functionCall": {"name": "a b", "args": {}}, "thoughtSignature": "AA=="}]}
JSON = {"responseMimeType": "application/json"}
CONFIGS: list[dict[str, Any]] = [
    {"maxOutputTokens": 100_000}, {"temperature": 3}, {"stopSequences": ["a"] * 6}, {"presencePenalty": 1},
    {"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}}, {"responseSchema": {}, "responseJsonSchema": {}},
]  # fmt: skip
DECLARED = {"tools": [{"functionDeclarations": [{"name": "f"}]}]}


def response(value: Any) -> dict[str, Any]:
    return {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": value}}]}


def media(kind: str) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": kind, "data": ""}}]}]}


@pytest.mark.parametrize("model, change, status", [
    *[("gemini-3-pro-preview", {"generationConfig": config}, 400) for config in CONFIGS],
    ("gemini-2.5-pro", {"generationConfig": JSON, **DECLARED}, 400), ("gemma-3-27b-it", {"systemInstruction": USER}, 400),
    ("gemini-2.5-pro", {"tools": [{"functionDeclarations": [{"name": "a b"}]}]}, 400),
    ("gemini-2.5-pro", {"contents": [USER, CALL, USER]}, 400), ("gemini-2.5-pro", {"contents": [USER, CALL]}, 400),
    ("gemini-2.5-pro", {"contents": [USER, NAMED, response({})]}, 400),
    ("gemini-2.5-pro", {"contents": [USER, CALL, response("x")]}, 400), ("gemini-2.5-pro", media("image/bmp"), 400),
    ("gemini-3-pro-preview", {"generationConfig": JSON, **DECLARED}, 200), ("gemini-2.5-pro", media("image/png"), 200),
    ("gemini-2.5-pro", {"generationConfig": {"presencePenalty": 1, "maxOutputTokens": 65_536}}, 200),
    ("gemini-2.5-pro", {"contents": [USER, CALL, response({"output": "x"})]}, 200),
])  # fmt: skip
def test_gemini(model: str, change: dict[str, Any], status: int) -> None:
    path = f"/v1beta/models/{model}:generateContent"
    assert status_of(google.SIMULATION, path, {"contents": [USER], **change}) == status
