"""Files, batches and uploads stay with the account that made them, whoever asks for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import aiohttp
import openai
import pytest

from proxy.sandbox.scenario import Fault
from tests.running import RunningSidecar, run_sidecar

FILE = """
pipeline:
  - access_log
  - auth: {keys: [{name: a, value: key-a-long}, {name: b, value: key-b-long}]}
providers:
  first: {dialect: openai, base_url: "http://127.0.0.1:1/v1", api_key: [k1, k2]}
  second: {dialect: openai, base_url: "http://127.0.0.1:1/v1", api_key: k3}
  local: {dialect: compatible, base_url: "http://127.0.0.1:1/v1", api_key: k4}
models: {m: {first: gpt-4.1, local: llama}}
"""
LINES = b'{"custom_id": "1"}\n' * 10_000


@pytest.fixture
async def sidecar() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(FILE) as started:
        yield started


def caller(sidecar: RunningSidecar, key: str = "a") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{sidecar.url}/v1", api_key=f"key-{key}-long", max_retries=0)


@pytest.fixture
async def client(sidecar: RunningSidecar) -> AsyncIterator[openai.AsyncOpenAI]:
    async with caller(sidecar) as sdk:
        yield sdk


def at(provider: str) -> dict[str, Any]:
    return {"extra_headers": {"X-Provider": provider}}


def asked(sidecar: RunningSidecar, provider: str) -> list[tuple[str, str]]:
    """Return method and path of each request that a provider got."""
    return [(each.method, each.path) for each in sidecar.sandbox.requests(provider)]


def forget(sidecar: RunningSidecar, *ids: str) -> None:
    """Forget ids, as a restart does."""
    for id in ids:
        sidecar.sidecar.handler.runtime.responses.delete(id)


@pytest.mark.parametrize("provider", ["first", "second"])
async def test_a_file_is_read_and_deleted_where_it_was_made(
    sidecar: RunningSidecar, client: openai.AsyncOpenAI, provider: str
) -> None:
    made = await client.files.create(file=("a.jsonl", LINES), purpose="batch", **at(provider))
    key = sidecar.sandbox.requests(provider)[-1].headers["Authorization"]
    assert (made.filename, made.bytes) == ("a.jsonl", len(LINES))
    for _ in range(3):  # with the same key of the pool
        assert (await client.files.retrieve(made.id)).id == made.id
        assert sidecar.sandbox.requests(provider)[-1].headers["Authorization"] == key
    content = await client.files.content(made.id)
    assert content.content == LINES and content.response.headers["content-type"] == "application/octet-stream"
    listed = await client.files.list(purpose="batch", limit=5, **at(provider))
    assert [each.id for each in listed.data] == [made.id]
    assert asked(sidecar, provider)[-1] == ("GET", "/v1/files?limit=5&purpose=batch")
    assert (await client.files.delete(made.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await client.files.retrieve(made.id)


@pytest.mark.parametrize("provider", ["first", "second"])
async def test_a_batch_goes_to_the_account_of_its_file(
    sidecar: RunningSidecar, client: openai.AsyncOpenAI, provider: str
) -> None:
    file = await client.files.create(file=("a.jsonl", LINES), purpose="batch", **at(provider))
    options: Any = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    batch = await client.batches.create(input_file_id=file.id, **options)
    assert batch.provider == provider  # type: ignore[attr-defined]
    assert (await client.batches.retrieve(batch.id)).id == batch.id
    assert [each.id for each in (await client.batches.list(**at(provider))).data] == [batch.id]
    assert batch.output_file_id and (await client.files.content(batch.output_file_id)).content == LINES
    assert (await client.batches.cancel(batch.id)).status == "cancelling"
    other = "second" if provider == "first" else "first"
    assert asked(sidecar, other) == []
    with pytest.raises(openai.BadRequestError, match=f"is held by '{provider}'"):
        await client.batches.create(input_file_id=file.id, **options, **at(other))


async def test_without_a_choice_the_first_provider_of_the_file_has_all(
    sidecar: RunningSidecar, client: openai.AsyncOpenAI
) -> None:
    for _ in range(5):
        await client.files.create(file=("a.jsonl", LINES), purpose="batch")
    assert len((await client.files.list()).data) >= 1
    assert asked(sidecar, "second") == asked(sidecar, "local") == []


@pytest.mark.parametrize("provider", ["first", "second"])
async def test_an_id_that_is_not_known_here_is_looked_up(
    sidecar: RunningSidecar, client: openai.AsyncOpenAI, provider: str
) -> None:
    made = await client.files.create(file=("a.jsonl", LINES), purpose="batch", **at(provider))
    forget(sidecar, made.id)
    assert (await client.files.content(made.id)).content == LINES
    assert asked(sidecar, provider)[-2:] == [("GET", f"/v1/files/{made.id}"), ("GET", f"/v1/files/{made.id}/content")]
    options: Any = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    assert (await client.batches.create(input_file_id=made.id, **options)).provider == provider  # type: ignore[attr-defined]
    with pytest.raises(openai.NotFoundError, match="No such object: file-unknown"):
        await client.files.retrieve("file-unknown")


async def test_the_id_of_another_key_is_a_404(sidecar: RunningSidecar, client: openai.AsyncOpenAI) -> None:
    made = await client.files.create(file=("a.jsonl", LINES), purpose="batch")
    options: Any = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    before = asked(sidecar, "first")
    async with caller(sidecar, "b") as other:
        for read in (other.files.retrieve, other.files.content, other.files.delete):
            with pytest.raises(openai.NotFoundError, match="No such object"):
                await read(made.id)
        with pytest.raises(openai.NotFoundError, match="No such object"):
            await other.batches.create(input_file_id=made.id, **options)
    assert asked(sidecar, "first") == before
    assert (await client.files.retrieve(made.id)).id == made.id


async def test_an_upload_in_parts_becomes_a_file(sidecar: RunningSidecar, client: openai.AsyncOpenAI) -> None:
    upload = await client.uploads.create(
        filename="a.jsonl", purpose="batch", bytes=10, mime_type="text/jsonl", **at("second")
    )
    parts = [await client.uploads.parts.create(upload.id, data=data) for data in (b"first", b"last!")]
    done = await client.uploads.complete(upload.id, part_ids=[part.id for part in parts])
    assert done.file is not None and (await client.files.content(done.file.id)).content == b"firstlast!"
    assert asked(sidecar, "first") == []


async def test_what_may_not_be_done_twice_is_tried_once(sidecar: RunningSidecar, client: openai.AsyncOpenAI) -> None:
    made = await client.files.create(file=("a.jsonl", LINES), purpose="batch", **at("second"))
    count = len(asked(sidecar, "second"))
    await sidecar.sandbox.set_fault("second", Fault("status", status=500))
    with pytest.raises(openai.InternalServerError):
        await client.files.delete(made.id)
    assert len(asked(sidecar, "second")) == count + 1 and asked(sidecar, "first") == []
    await sidecar.sandbox.set_fault("second", Fault("status", status=500, times=1))
    assert (await client.files.retrieve(made.id)).id == made.id


@pytest.mark.parametrize("method, path, status", [
    ("PUT", "/v1/files", 405), ("DELETE", "/v1/batches/batch_1", 405), ("GET", "/v1/files/file-1/other", 404),
    ("GET", "/v1/uploads", 405), ("POST", "/v1/files/file-1", 405), ("GET", "/v1/files/" + "x" * 200, 404),
])  # fmt: skip
async def test_other_paths_and_methods_are_refused(
    sidecar: RunningSidecar, method: str, path: str, status: int
) -> None:
    headers = {"Authorization": "Bearer key-a-long"}
    async with aiohttp.request(method, sidecar.url + path, headers=headers) as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (status, "invalid_request_error")


async def test_the_log_and_the_headers_name_no_model(sidecar: RunningSidecar, client: openai.AsyncOpenAI) -> None:
    raw = await client.files.with_raw_response.create(file=("a.jsonl", BytesIO(LINES)), purpose="batch")
    assert "x-provider-model" not in raw.headers and raw.headers["x-provider"] == "first"
    assert sidecar.log.lines[-1]["outcome"] == "ok" and sidecar.log.lines[-1]["provider"] == "first"
