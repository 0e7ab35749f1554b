"""Google's SDK gets vectors of the simulated Gemini API, which refuses what that refuses."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import orjson
import pytest
from google import genai
from google.genai import types

from proxy.sandbox.contract import Call, SimulatedError
from proxy.sandbox.google import handle
from proxy.sandbox.server import Sandbox

KEY = {"x-goog-api-key": "k"}
TEXT = {"model": "models/gemini-embedding-2", "content": {"parts": [{"text": "a"}]}}


def reply(method: str, body: Any, model: str = "gemini-embedding-2") -> Any:
    call = Call("google", "POST", f"/v1beta/models/{model}:{method}", KEY, orjson.dumps(body))
    return orjson.loads(handle(call).frames[0])


@pytest.mark.parametrize(("model", "count", "counts_tokens"), [("gemini-embedding-001", 2, False), ("gemini-embedding-2", 1, True)])  # fmt: skip
async def test_the_sdk_parses_an_answer(model: str, count: int, counts_tokens: bool) -> None:
    sandbox = await Sandbox.start({"google": "google"})
    try:
        client = genai.Client(api_key="any", http_options=types.HttpOptions(base_url=sandbox.base_url("google")))
        answer = await asyncio.to_thread(client.models.embed_content, model=model, contents=["a", "b"])
    finally:
        await sandbox.close()
    assert answer.embeddings and [len(each.values or ()) for each in answer.embeddings] == [3072] * count
    assert (answer.usage_metadata is not None) is counts_tokens


def test_one_content_has_one_vector() -> None:
    body = {"content": {"parts": [{"text": "a"}, {"text": "b"}]}, "outputDimensionality": 8, "taskType": "CLUSTERING"}
    assert len(reply("embedContent", body)["embedding"]["values"]) == 8
    snake = {"content": {"parts": [{"text": "ab"}]}, "output_dimensionality": 8}
    assert reply("embedContent", snake) == reply("embedContent", body)


@pytest.mark.parametrize(("model", "is_unit"), [("gemini-embedding-001", False), ("gemini-embedding-2", True)])
def test_shortened_vectors_of_the_first_model_do_not_have_the_length_1(model: str, is_unit: bool) -> None:
    body = {"requests": [{**TEXT, "model": f"models/{model}", "outputDimensionality": 64}]}
    (vector,) = reply("batchEmbedContents", body, model)["embeddings"]
    assert math.isclose(math.hypot(*vector["values"]), 1, abs_tol=1e-5) is is_unit


@pytest.mark.parametrize(
    ("method", "body", "message"),
    [
        ("batchEmbedContents", {}, "must not be empty"),
        ("batchEmbedContents", {"requests": [TEXT], "input": 1}, "and alone"),
        ("batchEmbedContents", {"requests": [TEXT] * 101}, "at most 100 requests"),
        ("batchEmbedContents", {"requests": [{**TEXT, "model": "gemini-embedding-2"}]}, "must be models/gemini-embedding-2"),
        ("batchEmbedContents", {"requests": [{"content": TEXT["content"]}]}, "must be models/gemini-embedding-2"),
        ("batchEmbedContents", {"requests": [{**TEXT, "dimensions": 8}]}, 'Unknown name "dimensions"'),
        ("embedContent", {**TEXT, "taskType": "search_query"}, "task_type"),
        ("embedContent", {**TEXT, "outputDimensionality": 3073}, "from 1 to 3072"),
        ("embedContent", {"content": {"parts": []}}, "content: must not be empty"),
        ("embedContent", {"content": "a"}, "content: must not be empty"),
    ],
)  # fmt: skip
def test_a_request_that_gemini_refuses_is_refused(method: str, body: Any, message: str) -> None:
    with pytest.raises(SimulatedError, match=message) as caught:
        reply(method, body)
    assert caught.value.status == 400
