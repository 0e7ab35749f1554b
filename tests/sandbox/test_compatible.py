"""OpenAI's SDK works with the simulated OpenAI-compatible host."""

from __future__ import annotations

import json

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from proxy.sandbox.compatible import MODELS, SIMULATION, handle
from proxy.sandbox.contract import Call, SimulatedError
from proxy.sandbox.server import Sandbox
from proxy.sse import decode

BASE = {"model": MODELS[0], "messages": [{"role": "user", "content": "hi"}]}
KEY = {"Authorization": "Bearer k"}


def reply(**more):
    return handle(Call("meta", "POST", "/v1/chat/completions", KEY, json.dumps({**BASE, **more}).encode()))


@pytest.mark.parametrize("dialect", ["meta", "compatible"])
async def test_openais_sdk_parses_a_response_a_stream_and_the_models(dialect):
    sandbox = await Sandbox.start({"host": dialect})
    async with openai.AsyncOpenAI(
        api_key="any", base_url=sandbox.base_url("host"), max_retries=0, _strict_response_validation=True
    ) as client:
        whole = await client.chat.completions.create(**BASE)
        stream = await client.chat.completions.create(**BASE, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        models = [model.id async for model in client.models.list()]
    await sandbox.close()
    assert text == whole.choices[0].message.content == f"Hello from host ({MODELS[0]}), simulated. You said: hi"
    assert models == list(MODELS)


def test_responses_match_openais_types_without_tier_and_fingerprint():
    [whole] = reply().frames
    ChatCompletion.model_validate_json(whole, extra="forbid")
    for frame in reply(stream=True).frames[:-1]:
        ChatCompletionChunk.model_validate_json(decode(frame).data, extra="forbid")
    assert not {"service_tier", "system_fingerprint"} & set(json.loads(whole))


def test_unknown_parameters_are_ignored():
    assert reply(top_k=5, chat_template_kwargs={}).status == 200


@pytest.mark.parametrize("more, param", [({"model": ""}, "model"), ({"messages": "hi"}, "messages")])
def test_an_invalid_request_names_the_parameter(more, param):
    with pytest.raises(SimulatedError) as caught:
        reply(**more)
    assert (caught.value.status, caught.value.param) == (400, param)


@pytest.mark.parametrize("headers, path, status", [({}, "/v1/models", 401), (KEY, "/v1/nothing", 404)])
def test_key_and_path_are_checked(headers, path, status):
    with pytest.raises(SimulatedError) as caught:
        handle(Call("meta", "GET", path, headers, b""))
    assert caught.value.status == status
    assert "error" in json.loads(
        SIMULATION.render_error(Call("meta", "GET", path, headers, b""), caught.value).frames[0]
    )
