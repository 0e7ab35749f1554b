"""The simulated Cohere refuses what Cohere refuses, in its words."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.sandbox import cohere
from tests.sandbox.vendor_requests import CUSTOM, HELLO, IMAGE, calls, result, status_of, tool


def schema(**members: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_object", "json_schema": {"type": "object", **members}}}


A: dict[str, Any] = {"properties": {"a": {"type": "string"}}, "required": ["a"]}
MANY = {"properties": {f"a{number}": {} for number in range(201)}, "required": ["a0"]}


@pytest.mark.parametrize("change, status", [
    ({"tools": [CUSTOM]}, 400), ({"functions": [{"name": "f"}]}, 400),
    ({"messages": [{**HELLO, "name": "x"}]}, 400), ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, 400),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x.y/a"}}]}]}, 400),
    ({"messages": [calls(), result([IMAGE])]}, 400), ({"messages": [calls(index=0), result()]}, 400),
    ({"messages": [calls(name="a-b"), result()]}, 400), ({"messages": [calls(), HELLO]}, 400),
    ({"max_tokens": 100_000}, 400), ({"tools": [tool("1st")]}, 400), (schema(**A, allOf=[]), 400), (schema(**MANY), 400),
    (schema(properties={"a": {"type": "array", "items": {"minimum": 1}}}, required=["a"]), 400),
    (schema(properties={"a": {}}), 400), ({"tools": [tool()], "strict_tools": True}, 400),
    ({"messages": [HELLO, calls(), result()]}, 200), ({"messages": [{"role": "user", "content": [IMAGE]}]}, 200),
    ({"tools": [tool(**A)], "strict_tools": True}, 200), (schema(**A), 200), ({"tools": [tool(minProperties=1)]}, 200),
    (schema(properties={"not": {"type": "string"}}, required=["not"]), 200), ({"max_tokens": 8192}, 200),
])  # fmt: skip
def test_a_request_is_taken_or_refused(change: dict[str, Any], status: int) -> None:
    body = {"model": "command-a-03-2025", "messages": [HELLO], **change}
    assert status_of(cohere.SIMULATION, "/v2/chat", body) == status
