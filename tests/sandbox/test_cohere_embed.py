"""Cohere's SDK gets vectors of the simulated Cohere, which refuses what Cohere refuses."""

from __future__ import annotations

from typing import Any

import cohere
import pytest
from cohere.types import EmbedByTypeResponse

from proxy.sandbox.server import Sandbox

BASE = {"model": "embed-v4.0", "texts": ["a", "b"], "input_type": "search_document"}


async def embed(**members: Any) -> EmbedByTypeResponse:
    sandbox = await Sandbox.start({"cohere": "cohere"})
    try:
        async with cohere.AsyncClientV2(api_key="any", base_url=sandbox.base_url("cohere")) as client:
            return await client.embed(**{**BASE, **members})
    finally:
        await sandbox.close()


@pytest.mark.parametrize(
    ("model", "dimension", "size"),
    [("embed-v4.0", None, 1536), ("embed-v4.0", 256, 256), ("embed-english-v3.0", None, 1024),
     ("embed-english-light-v3.0", None, 384)],
)  # fmt: skip
async def test_each_text_has_a_vector_of_the_models_size(model: str, dimension: int | None, size: int) -> None:
    options = {} if dimension is None else {"output_dimension": dimension}
    answer = await embed(model=model, **options)
    assert answer.embeddings.float_ and list(map(len, answer.embeddings.float_)) == [size, size]
    assert answer.meta and answer.meta.billed_units and answer.meta.billed_units.input_tokens == 2


async def test_vectors_come_in_the_types_that_were_asked_for() -> None:
    answer = await embed(embedding_types=["int8", "ubinary", "base64"])
    vectors = answer.embeddings
    assert vectors.float_ is None and vectors.int8 and vectors.ubinary and vectors.base64
    assert (len(vectors.int8[0]), len(vectors.ubinary[0])) == (1536, 192)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"input_type": ""}, "input_type is required"),
        ({"input_type": "query"}, "valid input_type values"),
        ({"texts": []}, "list of strings"),
        ({"texts": [""]}, "not empty"),
        ({"texts": ["x"] * 97}, "at most 96 - received 97"),
        ({"embedding_types": ["int4"]}, "embedding_types must be"),
        ({"output_dimension": 100}, "one of"),
        ({"model": "embed-english-v3.0", "output_dimension": 1024}, "not supported by the specified model"),
        ({"request_options": {"additional_body_parameters": {"input": "a"}}}, "parameter 'input' is not a valid field"),
    ],
)
async def test_a_request_that_cohere_refuses_is_refused(members: dict[str, Any], message: str) -> None:
    with pytest.raises(cohere.BadRequestError, match=message):
        await embed(**members)
