"""Requests for embeddings become a batch of Google's, and its answers OpenAI's."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.google import DIALECT
from proxy.dialects.google.embeddings import TASK_TYPES
from proxy.dialects.hub.embeddings import INPUT_TYPES
from proxy.errors import InvalidRequestError, MalformedResponse
from tests.dialects.oracles import response_context


def build(model: str = "gemini-embedding-001", **members: Any) -> ProviderRequest:
    body = {"model": "m", "input": "a", **members}
    return DIALECT.build_request(CallerRequest("embeddings", body, orjson.dumps(body), model, False))


def test_each_text_is_a_request_of_a_batch() -> None:
    built = build("models/gemini-embedding-001", input=["a", "b"], dimensions=256, input_type="clustering")
    common = {"model": "models/gemini-embedding-001", "taskType": "CLUSTERING", "outputDimensionality": 256}
    assert orjson.loads(built.body)["requests"] == [{**common, "content": {"parts": [{"text": text}]}} for text in "ab"]
    assert built.path == "/v1beta/models/gemini-embedding-001:batchEmbedContents" and not built.warnings


def test_a_batch_has_no_more_than_100_requests() -> None:
    assert [len(orjson.loads(part.body)["requests"]) for part in build(input=["a"] * 250).parts] == [100, 100, 50]


def test_every_input_type_is_a_task_type() -> None:
    assert set(TASK_TYPES) == set(INPUT_TYPES)


@pytest.mark.parametrize(
    ("model", "warnings"),
    [
        ("gemini-embedding-001", ()),
        ("gemini-embedding-2", ("param-dropped;name=input_type",)),
        ("text-embedding-004", ()),
    ],
)
def test_a_model_whose_task_is_a_part_of_the_text_gets_no_task_type(model: str, warnings: tuple[str, ...]) -> None:
    built = build(model, input_type="search_query")
    assert built.warnings == warnings and (b"taskType" in built.body) is not bool(warnings)


@pytest.mark.parametrize(
    ("model", "dimensions", "message"),
    [
        ("gemini-embedding-2", 3073, "dimensions: must be 1 to 3072 for this model"),
        ("text-embedding-004", 800, "dimensions: must be 1 to 768 for this model"),
        ("embedding-001", 256, "dimensions: not supported"),
    ],
)
def test_a_length_that_the_model_does_not_have_is_an_error(model: str, dimensions: int, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        build(model, dimensions=dimensions)


@pytest.mark.parametrize(
    ("model", "dimensions", "expected"),
    [
        ("gemini-embedding-001", 2, [0.6, 0.8]),
        ("gemini-embedding-001", None, [3, 4]),
        ("gemini-embedding-001", 3072, [3, 4]),
        ("gemini-embedding-2", 2, [3, 4]),
    ],
)
def test_shortened_vectors_of_the_first_model_are_scaled(model: str, dimensions: int | None, expected: Any) -> None:
    context = response_context(
        endpoint="embeddings", response_options=build(model, dimensions=dimensions).response_options
    )
    body = {"embeddings": [{"values": [3, 4]}], "usageMetadata": {"promptTokenCount": 6}}
    answer = orjson.loads(DIALECT.translate_response(orjson.dumps(body), context))
    assert answer["data"][0]["embedding"] == expected and answer["usage"]["total_tokens"] == 6


def test_an_answer_that_merges_texts_into_one_vector_is_malformed() -> None:
    context = response_context(endpoint="embeddings", response_options=build(input=["a", "b"]).response_options)
    with pytest.raises(MalformedResponse, match="1 vectors to 2 texts"):
        DIALECT.translate_response(b'{"embeddings":[{"values":[1]}]}', context)
