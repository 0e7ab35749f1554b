"""Simulated OpenAI-compatible hosts refuse what such hosts refuse."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.sandbox import compatible
from tests.sandbox.vendor_requests import CUSTOM, HELLO, IMAGE, calls, result, status_of


@pytest.mark.parametrize("change, status", [
    ({"tools": [CUSTOM]}, 400), ({"functions": [{"name": "f"}]}, 400),
    ({"messages": [{"role": "developer", "content": "x"}, HELLO]}, 400),
    ({"messages": [HELLO, {"role": "assistant", "content": "x", "reasoning_content": "y"}, HELLO]}, 400),
    ({"messages": [HELLO, {"role": "assistant", "content": "x", "refusal": None}, HELLO]}, 400),
    ({"messages": [calls(extra_content={}), result()]}, 400), ({"messages": [calls(), result([IMAGE])]}, 400),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {}}]}]}, 400),
    ({"messages": [HELLO, {**calls(), "tool_calls": []}]}, 400), ({"messages": [HELLO, calls(), result()]}, 200),
    ({"messages": [{"role": "user", "content": [IMAGE]}]}, 200),
])  # fmt: skip
def test_a_request_is_taken_or_refused(change: dict[str, Any], status: int) -> None:
    assert (
        status_of(compatible.SIMULATION, "/v1/chat/completions", {"model": "m", "messages": [HELLO], **change})
        == status
    )
