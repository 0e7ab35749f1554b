"""OpenAI's SDK, with strict response types, works with the other simulated OpenAI endpoints."""

from __future__ import annotations

import base64
import json
import struct

import openai
import pytest
from openai.types import Completion, CreateEmbeddingResponse, ImagesResponse, ModerationCreateResponse

from proxy.sandbox.contract import Call, SimulatedError
from proxy.sandbox.openai import handle
from proxy.sandbox.openai_endpoints import CATEGORIES
from proxy.sandbox.server import Sandbox
from proxy.sse import decode


@pytest.fixture
async def sdk():
    sandbox = await Sandbox.start({"openai": "openai"})
    # Not strict: the SDK asks for vectors in base64, which its own type does not know.
    async with openai.AsyncOpenAI(api_key="any", base_url=sandbox.base_url("openai"), max_retries=0) as client:
        yield client
    await sandbox.close()


def reply(path, **body):
    return handle(Call("openai", "POST", f"/v1/{path}", {"Authorization": "Bearer k"}, json.dumps(body).encode()))


def response_json(path, **body):
    return json.loads(reply(path, **body).frames[0])


async def test_the_sdk_parses_every_endpoint(sdk):
    vectors = await sdk.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
    assert [len(one.embedding) for one in vectors.data] == [1536, 1536]
    picture = await sdk.images.generate(model="gpt-image-1", prompt="a parrot")
    assert base64.b64decode(picture.data[0].b64_json).startswith(b"\x89PNG")
    assert (await sdk.moderations.create(input="hate")).results[0].categories.hate
    text = await sdk.completions.create(model="gpt-3.5-turbo-instruct", prompt="hi", max_tokens=50)
    assert text.choices[0].text.endswith("You said: hi")
    stream = await sdk.completions.create(model="gpt-3.5-turbo-instruct", prompt="hi", max_tokens=50, stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream]) == text.choices[0].text


@pytest.mark.parametrize(
    "path, kind, body",
    [
        ("embeddings", CreateEmbeddingResponse, {"model": "m", "input": "x"}),
        ("images/generations", ImagesResponse, {"prompt": "x"}),
        ("images/generations", ImagesResponse, {"prompt": "x", "model": "dall-e-3", "response_format": "b64_json"}),
        ("images/generations", ImagesResponse, {"prompt": "x", "model": "gpt-image-1", "n": 2}),
        ("moderations", ModerationCreateResponse, {"input": ["x", "violence"]}),
        ("completions", Completion, {"model": "m", "prompt": ["x", "y"], "n": 2}),
    ],
)
def test_responses_match_openais_types(path, kind, body):
    kind.model_validate(response_json(path, **body), extra="forbid")


@pytest.mark.parametrize(
    "inputs, count", [("a", 1), (["a", "b"], 2), ([1, 2], 1), ([[1, 2], [3]], 2), (["x"] * 2048, 2048)]
)
def test_each_input_gets_a_vector(inputs, count):
    got = response_json("embeddings", model="m", input=inputs, dimensions=4)
    assert [one["index"] for one in got["data"]] == list(range(count))
    assert all(abs(sum(number**2 for number in one["embedding"]) - 1) < 1e-6 for one in got["data"])


def test_base64_contains_the_same_floats():
    plain, coded = (
        response_json("embeddings", model="m", input="a", dimensions=3, encoding_format=form)["data"][0]["embedding"]
        for form in ("float", "base64")
    )
    assert struct.unpack("<3f", base64.b64decode(coded)) == tuple(plain)


def test_equal_texts_have_equal_vectors_and_different_ones_do_not():
    one, same, other = (
        one["embedding"] for one in response_json("embeddings", model="m", input=["a", "a", "b"])["data"]
    )
    assert one == same != other


def test_a_text_is_flagged_for_the_categories_it_mentions():
    named, innocent = response_json("moderations", input=["graphic violence", "hello"])["results"]
    assert named["flagged"] and {name for name, is_so in named["categories"].items() if is_so} == {
        "violence",
        "violence/graphic",
    }
    assert not innocent["flagged"] and set(innocent["category_scores"]) == set(CATEGORIES)


def test_content_parts_are_moderated_together():
    assert (
        len(
            response_json("moderations", input=[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])[
                "results"
            ]
        )
        == 1
    )


def test_legacy_completions_default_to_sixteen_tokens():
    [choice] = response_json("completions", model="m", prompt="x" * 100)["choices"]
    assert (choice["finish_reason"], len(choice["text"])) == ("length", 64)


def test_streamed_text_is_the_same_and_ends_with_usage_and_done():
    body = {"model": "m", "prompt": ["x", "y"], "stream_options": {"include_usage": True}, "max_tokens": 99}
    *frames, done = reply("completions", **body, stream=True).frames
    *chunks, last = [json.loads(decode(frame).data) for frame in frames]
    whole = response_json("completions", **body)
    for choice in whole["choices"]:
        mine = [chunk["choices"][0] for chunk in chunks if chunk["choices"][0]["index"] == choice["index"]]
        assert "".join(one["text"] for one in mine) == choice["text"]
        assert [one["finish_reason"] for one in mine][-1] == "stop"
    assert last["choices"] == [] and last["usage"] == whole["usage"]
    assert done == b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    "path, body, param",
    [
        ("embeddings", {"model": "m", "input": [""]}, "input"),
        ("embeddings", {"model": "m", "input": []}, "input"),
        ("embeddings", {"model": "m", "input": ["x"] * 2049}, "input"),
        ("embeddings", {"model": "m", "input": [{}]}, "input"),
        ("embeddings", {"model": "m", "input": "a", "encoding_format": "hex"}, "encoding_format"),
        ("embeddings", {"model": "m", "input": "a", "texts": []}, "texts"),
        ("images/generations", {"model": "gpt-image-1"}, "prompt"),
        ("images/generations", {"model": "gpt-image-1", "prompt": "x", "response_format": "url"}, "response_format"),
        ("images/generations", {"model": "dall-e-3", "prompt": "x", "n": 2}, "n"),
        ("images/generations", {"model": "gpt-image-1", "prompt": "x", "n": 11}, "n"),
        ("images/generations", {"model": "dall-e-2", "prompt": "x", "stream": True}, "stream"),
        ("moderations", {"model": "m"}, "input"),
        ("completions", {"model": "m", "prompt": 5}, "prompt"),
        ("completions", {"model": "m", "prompt": "x", "messages": []}, "messages"),
    ],
)
def test_an_invalid_request_names_the_parameter(path, body, param):
    with pytest.raises(SimulatedError) as caught:
        reply(path, **body)
    assert (caught.value.status, caught.value.param) == (400, param)
