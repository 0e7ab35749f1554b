"""An answer passes byte for byte to a caller of Gemini's API, and is observed."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.dialects.google import DIALECT
from proxy.dialects.google.native_response import native_response
from proxy.errors import MalformedResponse
from tests.dialects.oracles import golden_files, response_context

FILES = golden_files(Path(__file__).parent / "answers", "*.google.json")
OBSERVED = ("model", "finish_reason", "usage", "done")


@pytest.mark.parametrize("file", FILES)
def test_an_answer_passes_and_is_observed_as_a_translated_one(file: Path) -> None:
    data, translated, own = file.read_bytes(), response_context(), response_context(endpoint="generate_content")
    DIALECT.translate_response(data, translated)
    assert native_response(data, own) == data
    for name in OBSERVED:
        if name != "finish_reason" or translated.answer.finish_reason != "tool_calls":  # Google's is STOP
            assert getattr(own.answer, name) == getattr(translated.answer, name), name


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"<html>",
        b'{"candidates": []}',
        b'{"candidates": [5]}',
        b'{"error": {"message": "no"}}',
        b'{"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}',
    ],
)
def test_what_is_no_usable_answer_is_a_failure(data: bytes) -> None:
    with pytest.raises(MalformedResponse):
        native_response(data, response_context(endpoint="generate_content"))


def test_a_count_of_tokens_passes_and_must_be_a_number() -> None:
    context = response_context(endpoint="count_content_tokens")
    data = b'{"totalTokens": 5}'
    assert native_response(data, context) == data and context.answer.complete
    with pytest.raises(MalformedResponse):
        native_response(b'{"totalTokens": "5"}', response_context(endpoint="count_content_tokens"))


@pytest.mark.parametrize(
    ("endpoint", "data"),
    [
        ("embed_content", b'{"embedding": {"values": [1.50]}, "usageMetadata": {"promptTokenCount": 5}}'),
        ("batch_embed_contents", b'{"embeddings": [{"values": [1.50]}], "usageMetadata": {"promptTokenCount": 5}}'),
    ],
)
def test_vectors_pass_as_they_are(endpoint: str, data: bytes) -> None:
    context = response_context(endpoint=endpoint)
    assert native_response(data, context) == data and context.answer.done
    assert context.answer.usage == {"prompt_tokens": 5, "total_tokens": 5}
    uncounted = response_context(endpoint=endpoint)
    assert native_response(data.partition(b", ")[0] + b"}", uncounted) and uncounted.answer.usage is None
    with pytest.raises(MalformedResponse, match="without embeddings"):
        native_response(b'{"candidates": []}', response_context(endpoint=endpoint))
