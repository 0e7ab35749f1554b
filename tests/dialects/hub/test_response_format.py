"""Structured output is requested by each provider's own means, where the model supports it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.dialects import DIALECTS
from proxy.dialects.contract import CallerRequest
from proxy.dialects.hub.response_format import format_kind, has_tools, requested_schema

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer", "enum": [1, 2]}}, "required": ["a"]}
WITH_SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
JSON = {"type": "json_object"}
TOOLS = [{"type": "function", "function": {"name": "f"}}]


@pytest.mark.parametrize("shape, kind", [
    (None, "text"), ({"type": "text"}, "text"), (JSON, "json_object"), (WITH_SCHEMA, "json_schema"),
    ({"type": "json_schema"}, ""), ({"type": "json_schema", "json_schema": {"name": "a"}}, ""), ("json", ""), ({"type": ["x"]}, ""),
])  # fmt: skip
def test_the_kind_of_the_format_is_read(shape: Any, kind: str) -> None:
    body = {"response_format": shape, "tools": TOOLS}
    assert format_kind(body) == kind and has_tools(body)
    assert requested_schema(body) == (SCHEMA if kind == "json_schema" else None)


def sent(dialect: str, model: str, shape: Any) -> dict[str, Any]:
    body = {"messages": [{"role": "user", "content": "hi"}], "response_format": shape}
    request = CallerRequest("chat", body, orjson.dumps(body), model, stream=False)
    members: dict[str, Any] = orjson.loads(DIALECTS[dialect].build_request(request).body)
    return members


def test_each_provider_gets_the_schema_its_own_way() -> None:
    closed = {**SCHEMA, "additionalProperties": False}
    assert sent("anthropic", "claude-sonnet-4-5", WITH_SCHEMA)["output_config"] == {
        "format": {"type": "json_schema", "schema": closed}
    }
    assert sent("google", "gemini-2.5-flash", WITH_SCHEMA)["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA,
    }
    assert sent("cohere", "command-a-03-2025", WITH_SCHEMA)["response_format"] == {**JSON, "json_schema": SCHEMA}


def test_json_without_a_schema_is_requested_where_there_is_such_a_mode() -> None:
    assert sent("google", "gemini-2.5-flash", JSON)["generationConfig"] == {"responseMimeType": "application/json"}
    assert sent("cohere", "command-a-03-2025", JSON)["response_format"] == JSON


@pytest.mark.parametrize("dialect, model, body", [
    ("anthropic", "claude-opus-5-5", {"response_format": JSON}),
    ("google", "gemini-1.5-pro", {"response_format": JSON}), ("google", "gemini-2.5-flash", {"response_format": JSON, "tools": TOOLS}),
    ("cohere", "command-a-03-2025", {"response_format": WITH_SCHEMA, "tools": TOOLS}),
    ("cohere", "command-a-03-2025", {"response_format": {"type": "grammar"}}),
])  # fmt: skip
def test_a_model_that_cannot_is_excluded(dialect: str, model: str, body: dict[str, Any]) -> None:
    assert DIALECTS[dialect].unsupported_params(body, model) == ("response_format",)


def test_gemini_3_takes_a_schema_next_to_tools() -> None:
    body = {"response_format": WITH_SCHEMA, "tools": TOOLS}
    assert DIALECTS["google"].unsupported_params(body, "gemini-3-pro") == ()
