"""A whole completion is valid for the OpenAI SDK."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.completion import build_choice, build_completion, build_tool_call, build_usage, call_id_stem
from tests.dialects.oracles import response_context, validate_completion


@pytest.mark.parametrize("message, reason, expected", [
    ({"content": "x"}, "stop", "stop"),
    ({"content": None, "tool_calls": []}, "length", "length"),
    ({"tool_calls": [build_tool_call("1", "a_b", "{}", {"a_b": "a.b"})]}, "stop", "tool_calls"),
    ({"refusal": "no", "reasoning_content": None}, "content_filter", "content_filter"),
])  # fmt: skip
def test_a_completion_is_valid_for_the_sdk(message: dict[str, Any], reason: str, expected: str) -> None:
    context = response_context()
    counts = build_usage(1, 2, {"cached_tokens": 1, "cache_write_tokens": None}, {"reasoning_tokens": None})
    body = validate_completion(
        build_completion({"choices": [build_choice(message, reason)], "usage": counts, "id": None}, context)
    )
    assert body["choices"][0]["finish_reason"] == context.answer.finish_reason == expected
    assert body["id"] == "chatcmpl-1"
    assert body["usage"]["prompt_tokens_details"] == {"cached_tokens": 1}
    assert "completion_tokens_details" not in body["usage"]
    assert ("tool_calls" in body["choices"][0]["message"]) == bool(message.get("tool_calls"))


@pytest.mark.parametrize("id", ["chatcmpl-1", "chatcmpl-" + "a" * 36, "chatcmpl-" + "é/ \ud800" * 40])
def test_ids_of_calls_stay_short_whatever_the_requests_id(id: str) -> None:
    stem = call_id_stem(response_context(id=id))
    assert len(stem) <= 24 and stem.isascii() and stem.isalnum()
    assert stem == call_id_stem(response_context(id=id)) != call_id_stem(response_context(id=id + "x"))
