"""A whole response passes through with its provider spliced in; one without an answer is a MalformedResponse."""

from __future__ import annotations

import pytest

from proxy.dialects.contract import ResponseContext
from proxy.dialects.openai.response import translate_response
from proxy.errors import MalformedResponse


def context() -> ResponseContext:
    return ResponseContext("openai", "m", "chatcmpl-1", 0)


def test_a_response_is_passed_and_recorded() -> None:
    data = b'{ "model":"gpt-4o-2024", "choices":[{"finish_reason":"stop"}], "usage":{"total_tokens":3}, "big": 1.50e0 }'
    recorded = context()
    assert translate_response(data, recorded).replace(b',"provider":"openai"', b"") == data
    assert (recorded.answer.model, recorded.answer.finish_reason, recorded.answer.usage) == (
        "gpt-4o-2024",
        "stop",
        {"total_tokens": 3},
    )
    assert recorded.answer.complete


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the provider answered 200 with something that is not JSON"),
        (b"<html>", "the provider answered 200 with something that is not JSON"),
        (b'{"a":', "the provider answered 200 with something that is not JSON"),
        (b"[]", "the provider answered 200 without an answer in it"),
        (b"null", "the provider answered 200 without an answer in it"),
        (b"{}", "the provider answered 200 without an answer in it"),
        (b'{"error":{"message":"upset"}}', "the provider answered 200 with an error: upset"),
        (b'{"error":"upset"}', "the provider answered 200 with an error: upset"),
    ],
)
def test_a_200_without_an_answer_is_a_malformed_response(data: bytes, message: str) -> None:
    with pytest.raises(MalformedResponse) as caught:
        translate_response(data, context())
    assert caught.value.message == message


def test_a_host_that_counts_reasoning_apart_has_its_usage_corrected() -> None:
    data = (
        b'{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"big": 1.50e0,"usage":{"prompt_tokens":1,'
        b'"completion_tokens":2,"total_tokens":13,"completion_tokens_details":{"reasoning_tokens":10}}}'
    )
    chat = ResponseContext("xai", "m", "chatcmpl-1", 0, endpoint="chat")
    translated = translate_response(data, chat)
    assert b'"completion_tokens":12' in translated and b"1.50e0" in translated
    assert chat.answer.usage and chat.answer.usage["completion_tokens"] == 12
