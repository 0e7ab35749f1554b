"""Stored responses can be read, listed and deleted, by OpenAI's SDK."""

from __future__ import annotations

import json

import openai
import pytest

from proxy.sandbox import openai_stored
from proxy.sandbox.contract import Call
from proxy.sandbox.openai import handle
from proxy.sandbox.server import Sandbox


@pytest.fixture
async def sdk():
    sandbox = await Sandbox.start({"openai": "openai"})
    async with openai.AsyncOpenAI(
        api_key="any", base_url=sandbox.base_url("openai"), max_retries=0, _strict_response_validation=True
    ) as client:
        yield client
    await sandbox.close()


async def test_a_response_is_read_and_deleted_by_its_id(sdk):
    created = await sdk.responses.create(model="gpt-4o", input="hi")
    assert (await sdk.responses.retrieve(created.id)).output_text == created.output_text
    items = await sdk.responses.input_items.list(created.id)
    assert [item.content[0].text for item in items.data] == ["hi"]
    await sdk.responses.delete(created.id)
    for read in (sdk.responses.retrieve, sdk.responses.delete, sdk.responses.cancel, sdk.responses.input_items.list):
        with pytest.raises(openai.NotFoundError, match="not found"):
            await read(created.id)


async def test_nothing_is_stored_against_the_callers_will(sdk):
    created = await sdk.responses.create(model="gpt-4o", input="hi", store=False)
    with pytest.raises(openai.NotFoundError):
        await sdk.responses.retrieve(created.id)


async def test_a_response_that_is_complete_cannot_be_cancelled(sdk):
    created = await sdk.responses.create(model="gpt-4o", input="hi")
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        await sdk.responses.cancel(created.id)


async def test_a_conversation_is_compacted_and_counted(sdk):
    compacted = await sdk.responses.compact(model="gpt-4o", input="hi there")
    assert [item.type for item in compacted.output] == ["compaction"]
    more = await sdk.responses.create(
        model="gpt-4o", input=[compacted.output[0].to_dict(), {"role": "user", "content": "so"}]
    )
    assert more.output_text.endswith("You said: so")
    count = await sdk.responses.input_tokens.count(model="gpt-4o", input="hi there", instructions="Be brief.")
    assert count.input_tokens > 2


def test_the_oldest_responses_are_forgotten(monkeypatch):
    monkeypatch.setattr(openai_stored, "MAX_STORED", 2)
    storage = {}
    for number in range(4):
        body = json.dumps({"model": "gpt-4o", "input": "hi"}).encode()
        headers = {"Authorization": "Bearer k"}
        handle(Call("openai", "POST", "/v1/responses", headers, body, number=number, storage=storage))
    assert len(storage) == 2 and list(storage)[-1] == openai_stored.response_id(
        Call("openai", "", "", {}, b"", number=3)
    )
