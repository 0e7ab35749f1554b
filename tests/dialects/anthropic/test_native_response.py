"""A complete answer passes byte for byte to a caller of the Messages API, and is counted."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from proxy.dialects.anthropic.native_response import native_response
from proxy.errors import MalformedResponse
from tests.dialects.anthropic.golden import HERE
from tests.dialects.oracles import corruptions, golden_files, response_context


@pytest.mark.parametrize("file", golden_files(HERE / "answers", "*.anthropic.json"))
def test_an_answer_passes_as_it_is(file: Path) -> None:
    context = response_context(endpoint="messages")
    data = file.read_bytes()
    assert native_response(data, context) is data
    assert context.answer.complete and context.answer.done and context.answer.model


def test_its_usage_counts_with_the_caches() -> None:
    usage = {"input_tokens": 5, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 1000, "output_tokens": 7}
    message = {"id": "msg_1", "model": "m", "content": [], "stop_reason": "max_tokens", "usage": usage}
    context = response_context(endpoint="messages")
    native_response(json.dumps(message).encode(), context)
    answer = context.answer
    assert (answer.id, answer.model, answer.finish_reason) == ("msg_1", "m", "length")
    assert answer.usage == {
        "prompt_tokens": 1105,
        "completion_tokens": 7,
        "total_tokens": 1112,
        "prompt_tokens_details": {"cached_tokens": 1000, "cache_write_tokens": 100},
    }


def test_a_count_of_tokens_is_an_answer_of_its_own_endpoint() -> None:
    data, context = b'{"input_tokens": 5}', response_context(endpoint="count_tokens")
    assert native_response(data, context) == data and context.answer.complete


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b"<html>", b'{"input_tokens": 5}', b'{"type": "error", "content": []}', b'{"content": "text"}'],
)
def test_a_body_that_is_no_message_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedResponse):
        native_response(data, response_context(endpoint="messages"))


@pytest.mark.parametrize("file", golden_files(HERE / "answers", "*.anthropic.json"))
def test_no_value_of_another_type_breaks_it(file: Path) -> None:
    for corrupted in corruptions(json.loads(file.read_bytes())):
        data = json.dumps(corrupted).encode()
        with suppress(MalformedResponse):
            assert native_response(data, response_context(endpoint="messages")) == data
