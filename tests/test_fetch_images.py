"""`translate: fetch_images` through a running sidecar: a target that fetches no `http:` address gets the data."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import openai
import pytest

from proxy.sandbox.scenario import Fault
from proxy.upstream.web_fetch import WebFetcher
from tests.running import RunningSidecar, run_sidecar
from tests.six_providers import six_providers
from tests.upstream.http1.client import NO_TRUST
from tests.web_server import PDF, PNG, WebServer, page

BASE64 = b64encode(PNG)


@asynccontextmanager
async def run(server: WebServer, *, public: str = "127.0.0.1", **limits: str) -> AsyncIterator[RunningSidecar]:
    """A sidecar that takes the server's address for a public one."""
    text = six_providers().replace("{unsupported_params: drop}", "{fetch_images: true}")
    for name, value in limits.items():
        text = text.replace("limits,", f"limits: {{{name}: {value}}},")
    async with run_sidecar(text) as started:
        fetcher = WebFetcher(NO_TRUST, lookup=server.lookup, is_allowed=lambda address: address == public)
        handler = started.sidecar.handler
        handler.runtime = replace(handler.runtime, fetch_file=fetcher.fetch)
        yield started


def image(url: str) -> Any:
    return {"type": "image_url", "image_url": {"url": url}}


async def ask(started: RunningSidecar, *parts: Any, **headers: str) -> Any:
    content = [{"type": "text", "text": "What is it?"}, *parts]
    async with started.client() as client:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        messages: list[Any] = [{"role": "user", "content": content}]
        return await client.chat.completions.create(model="m", messages=messages, extra_headers=names)


@pytest.mark.parametrize("provider", ["anthropic", "google", "mistral", "cohere"])
async def test_a_picture_at_an_http_address_reaches_every_provider(provider: str) -> None:
    async with WebServer({"/a": page(PNG)}) as server, run(server) as started:
        await ask(started, image(server.url("/a")), X_Provider=provider)
        assert BASE64 in started.sandbox.requests(provider)[-1].body
        assert len(server.heads) == 1 and "anthropic" not in server.heads[0]


async def test_it_is_fetched_once_for_all_attempts() -> None:
    async with WebServer({"/a": page(PNG)}) as server, run(server) as started:
        await started.sandbox.set_fault("anthropic", Fault("status", status=503))
        await ask(started, image(server.url("/a")), X_Provider_Fallbacks="anthropic,google")
        assert BASE64 in started.sandbox.requests("google")[-1].body and len(server.heads) == 1


async def test_a_pdf_at_an_address_reaches_a_provider_that_fetches_none() -> None:
    async with WebServer({"/a": page(PDF)}) as server, run(server) as started:
        await ask(started, {"type": "file", "file": {"file_url": server.url("/a")}}, X_Provider="openai")
        assert b64encode(PDF) in started.sandbox.requests("openai")[-1].body


async def test_a_messages_client_is_told_which_block_could_not_be_fetched() -> None:
    async with WebServer({"/a": page(b"<html>")}) as server, run(server) as started:
        source = {"type": "url", "url": server.url("/a")}
        body = {
            "model": "m",
            "max_tokens": 9,
            "messages": [{"role": "user", "content": [{"type": "image", "source": source}]}],
        }
        headers = {"X-Provider": "google"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{started.url}/v1/messages", json=body, headers=headers) as answer,
        ):
            error = (await answer.json())["error"]
        assert (
            answer.status == 400
            and "messages[0]" in error["message"]
            and "something else than an image" in error["message"]
        )


async def test_an_address_inside_the_network_is_refused_without_a_connection() -> None:
    async with WebServer({"/a": page(PNG)}) as server, run(server, public="8.8.8.8") as started:
        for url in (server.url("/a"), "http://169.254.169.254/latest/meta-data/", "http://missing.test/"):
            with pytest.raises(openai.BadRequestError) as caught:
                await ask(started, image(url), X_Provider="mistral")
            assert caught.value.param == "messages[0].content[1].image_url.url"
            assert caught.value.code == "file_not_fetched"
            assert "its host cannot be reached, or is not a public one" in caught.value.message
        assert server.heads == [] and not started.sandbox.requests("mistral")


async def test_what_is_fetched_counts_as_held_in_memory() -> None:
    large = page(PNG + b"x" * 2**24)
    async with WebServer({"/a": large}) as server, run(server, max_buffered="16MiB") as started:
        with pytest.raises(openai.InternalServerError) as caught:
            await ask(started, image(server.url("/a")), X_Provider="anthropic")
        assert caught.value.code == "sidecar_overloaded"
        assert started.sidecar.handler.runtime.load.buffered_bytes == 0


async def test_without_the_option_nothing_is_fetched() -> None:
    async with WebServer({"/a": page(PNG)}) as server, run_sidecar(six_providers()) as started:
        with pytest.raises(openai.BadRequestError) as caught:
            await ask(started, image(server.url("/a")), X_Provider="anthropic")
        assert caught.value.param == "messages[0].content[1].image_url.url" and server.heads == []
