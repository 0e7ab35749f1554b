"""Requests to embed contents become the hub's, and its answers Google's."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.genai.types import EmbedContentResponse

from proxy.errors import InvalidRequestError
from proxy.ingress.client_format import AnswerContext
from proxy.ingress.gemini.embeddings import batch_from_hub, batch_to_hub, single_from_hub, single_to_hub

HELLO = {"content": {"parts": [{"text": "Hello"}, {"text": "there"}], "role": "user"}}
BYE = {"content": {"parts": [{"text": "bye"}]}}
CONTEXT = AnswerContext("id", 1, "m")


@pytest.mark.parametrize(
    ("options", "hub"),
    [
        ({}, {}),
        ({"taskType": "RETRIEVAL_QUERY", "outputDimensionality": 8}, {"input_type": "search_query", "dimensions": 8}),
        ({"task_type": "CLUSTERING", "output_dimensionality": 8}, {"input_type": "clustering", "dimensions": 8}),
        ({"taskType": "TASK_TYPE_UNSPECIFIED", "title": None}, {}),
    ],
)
def test_a_content_is_one_text_with_options(options: dict[str, Any], hub: dict[str, Any]) -> None:
    single = single_to_hub({"model": "m", **HELLO, **options})
    assert single.body == {"model": "m", "input": "Hello\nthere", **hub} and not single.warnings
    batch = batch_to_hub(
        {"model": "m", "requests": [{"model": "models/m", **each, **options} for each in (HELLO, BYE)]}
    )
    assert batch.body == {"model": "m", "input": ["Hello\nthere", "bye"], **hub} and not batch.warnings


def test_what_the_hub_has_no_word_for_is_a_warning() -> None:
    assert single_to_hub({"model": "m", **BYE, "title": "t"}).warnings == ("param-dropped;name=title",)
    requests = [{**BYE, "title": "t"}] * 2
    assert batch_to_hub({"model": "m", "requests": requests}).warnings == ("param-dropped;name=title",)


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "content", "invalid_request"),
        ({"content": "a"}, "content", "invalid_request"),
        ({"content": {"parts": []}}, "content.parts", "invalid_request"),
        ({"content": {"parts": [{"text": ""}]}}, "content.parts[0].text", "invalid_request"),
        ({"content": {"parts": [{"inlineData": {}}]}}, "content.parts[0]", "unsupported_feature"),
        ({**BYE, "taskType": "odd"}, "taskType", "invalid_request"),
        ({"requests": []}, "requests", "invalid_request"),
        ({"requests": {}}, "requests", "invalid_request"),
        ({"requests": [1]}, "requests[0]", "invalid_request"),
        ({"requests": [BYE, {"content": {}}]}, "requests[1].content.parts", "invalid_request"),
        ({"requests": [BYE, {**BYE, "taskType": "CLUSTERING"}]}, "requests", "unsupported_feature"),
    ],
)
def test_an_error_names_the_member(body: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        (batch_to_hub if "requests" in body else single_to_hub)(body)
    assert (caught.value.param, caught.value.code) == (param, code)


def hub_answer(count: int, tokens: int) -> bytes:
    data = [{"object": "embedding", "index": index, "embedding": [index, 0.5]} for index in range(count)]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return orjson.dumps({"object": "list", "data": data, "model": "m", "usage": usage, "provider": "p"})


@pytest.mark.parametrize(("tokens", "usage"), [(3, {"promptTokenCount": 3, "totalTokenCount": 3}), (0, None)])
def test_an_answer_has_vectors_and_the_usage_that_is_known(tokens: int, usage: Any) -> None:
    single = orjson.loads(single_from_hub(hub_answer(1, tokens), CONTEXT))
    assert single["embedding"] == {"values": [0, 0.5]} and single.get("usageMetadata") == usage
    batch = orjson.loads(batch_from_hub(hub_answer(2, tokens), CONTEXT))
    assert batch["embeddings"] == [{"values": [0, 0.5]}, {"values": [1, 0.5]}] and batch.get("usageMetadata") == usage
    EmbedContentResponse.model_validate({"embeddings": batch["embeddings"], "usage_metadata": usage})
