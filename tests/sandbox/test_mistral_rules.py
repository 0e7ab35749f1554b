"""The simulated Mistral refuses what Mistral refuses, in its words."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.sandbox import mistral
from tests.sandbox.vendor_requests import CUSTOM, HELLO, IMAGE, calls, result, status_of, tool


@pytest.mark.parametrize("change, status", [
    ({"tools": [CUSTOM]}, 422), ({"functions": [{"name": "f"}]}, 422),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {}}]}]}, 422),
    ({"messages": [{"role": "user", "content": [{"type": "video_url", "video_url": "x"}]}]}, 422),
    ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "x"}}]}]}, 422),
    ({"messages": [{"role": "user", "content": [{"type": "document_url", "document_url": "http://x.y/a"}]}]}, 400),
    ({"messages": [{"role": "user", "content": [{"type": "document_url", "document_url": "https://x.y/a"}]}]}, 200),
    ({"messages": [calls(extra_content={}), result()]}, 422), ({"messages": [calls("call_1"), result()]}, 400),
    ({"messages": [calls(name="a.b"), result()]}, 400), ({"messages": [calls()]}, 400),
    ({"messages": [calls(), {"role": "system", "content": "x"}, HELLO]}, 400),
    ({"tools": [tool("look up")]}, 400), ({"tools": [tool()] * 129}, 422), ({"tool_choice": "function"}, 422),
    ({"response_format": {"type": "json"}}, 422), ({"response_format": {"type": "text", "x": 1}}, 422),
    ({"messages": [HELLO, calls(), result()]}, 200), ({"messages": [{"role": "user", "content": [IMAGE]}]}, 200),
    ({"tools": [tool()], "response_format": {"type": "json_object"}}, 200),
])  # fmt: skip
def test_a_request_is_taken_or_refused(change: dict[str, Any], status: int) -> None:
    body = {"model": "mistral-small-latest", "messages": [HELLO], **change}
    assert status_of(mistral.SIMULATION, "/v1/chat/completions", body) == status
