"""Mistral's SDK gets vectors of the simulated Mistral, which refuses what Mistral refuses."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from mistralai.client import Mistral
from mistralai.client.models import EmbeddingResponse

from proxy.sandbox.contract import Call, SimulatedError
from proxy.sandbox.mistral import handle
from proxy.sandbox.server import Sandbox

KEY = {"Authorization": "Bearer k"}


def embed(**members: Any) -> Any:
    body = {"model": "mistral-embed", "input": ["a", "b"], **members}
    call = Call("mistral", "POST", "/v1/embeddings", KEY, orjson.dumps(body))
    return orjson.loads(handle(call).frames[0])


async def test_the_sdk_parses_an_answer() -> None:
    sandbox = await Sandbox.start({"mistral": "mistral"})
    try:
        async with Mistral(api_key="any", server_url=sandbox.base_url("mistral")) as client:
            answer = await client.embeddings.create_async(model="mistral-embed", inputs=["a", "b"])
    finally:
        await sandbox.close()
    assert [len(each.embedding or ()) for each in answer.data] == [1024, 1024]
    assert answer.usage.prompt_tokens == 2


@pytest.mark.parametrize(
    ("members", "size"),
    [({}, 1536), ({"output_dimension": 8}, 8), ({"output_dimension": 64, "output_dtype": "ubinary"}, 8)],
)
def test_a_model_for_code_has_other_sizes_and_types(members: dict[str, Any], size: int) -> None:
    answer = embed(model="codestral-embed", **members)
    EmbeddingResponse.model_validate(answer)
    assert {len(each["embedding"]) for each in answer["data"]} == {size}


def test_vectors_come_in_base64_on_request() -> None:
    assert isinstance(embed(encoding_format="base64")["data"][0]["embedding"], str)


@pytest.mark.parametrize(
    ("members", "status", "message"),
    [
        ({"dimensions": 8}, 422, "Extra inputs are not permitted"),
        ({"model": None}, 422, "Field required"),
        ({"input": []}, 422, "valid string or list of strings"),
        ({"input": [1]}, 422, "valid string or list of strings"),
        ({"input": ["x"] * 257}, 400, "Too many inputs in request"),
        ({"input": ["x" * 80_000]}, 400, "Too many tokens overall"),
        ({"output_dimension": 8}, 400, "does not support output_dimension"),
        ({"output_dtype": "int8"}, 400, "does not support output_dtype"),
        ({"output_dtype": "int4"}, 422, "one of its words"),
        ({"encoding_format": "hex"}, 422, "one of its words"),
        ({"model": "codestral-embed", "output_dimension": 3073}, 422, "from 1 to 3072"),
    ],
)
def test_a_request_that_mistral_refuses_is_refused(members: dict[str, Any], status: int, message: str) -> None:
    with pytest.raises(SimulatedError, match=message) as caught:
        embed(**members)
    assert caught.value.status == status
