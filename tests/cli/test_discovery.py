"""Providers are found by the keys in the environment, and on this machine by their list of models."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from proxy.cli import discovery
from proxy.cli.discovery import Found, find_local, find_vendors


def names(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Return name and variable of each provider found."""
    return {each.name: each.variable for each in find_vendors(environ)}


def test_a_vendor_is_found_by_its_key() -> None:
    environ = {"OPENAI_API_KEY": "k", "CO_API_KEY": "k", "XAI_API_KEY": "k", "MISTRAL_API_KEY": " ", "GROQ_API_KEY": ""}
    assert names(environ) == {"openai": "OPENAI_API_KEY", "cohere": "CO_API_KEY", "xai": "XAI_API_KEY"}
    assert names({}) == {}


def test_of_two_variables_the_first_that_is_set_is_used() -> None:
    both = {"GEMINI_API_KEY": "k", "GOOGLE_API_KEY": "k"}
    assert names(both) == {"google": "GEMINI_API_KEY"}
    assert names({**both, "GEMINI_API_KEY": ""}) == {"google": "GOOGLE_API_KEY"}


@pytest.mark.parametrize(
    ("endpoint", "base_url"),
    [
        ("https://r.openai.azure.com", "${AZURE_OPENAI_ENDPOINT}/openai/v1"),
        ("https://r.openai.azure.com/", "${AZURE_OPENAI_ENDPOINT}openai/v1"),
        ("https://r.openai.azure.com/openai/v1", "${AZURE_OPENAI_ENDPOINT}"),
    ],
)
def test_azure_needs_an_endpoint_too(endpoint: str, base_url: str) -> None:
    [found] = find_vendors({"AZURE_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": endpoint})
    assert found == Found("azure", "openai", base_url, "AZURE_API_KEY", auth="api-key")


@pytest.mark.parametrize("environ", [{"AZURE_API_KEY": "k"}, {"AZURE_API_BASE": "https://x"},
                                     {"AZURE_API_KEY": "k", "AZURE_API_BASE": "nowhere"}])  # fmt: skip
def test_azure_without_key_or_endpoint_is_not_found(environ: Mapping[str, str]) -> None:
    assert names(environ) == {}


@pytest.mark.parametrize(
    ("url", "dialect", "base_url"),
    [
        ("http://localhost:8090/v1", "openai", "https://api.openai.com/v1"),
        ("http://127.0.0.1:8090", "openai", "https://api.openai.com/v1"),
        ("http://[::1]:8090/v1", "openai", "https://api.openai.com/v1"),
        ("http://0.0.0.0:8090/v1", "openai", "https://api.openai.com/v1"),
        ("https://user:password@host/v1", "openai", "https://api.openai.com/v1"),
        ("nonsense", "openai", "https://api.openai.com/v1"),
        ("https://eu.api.openai.com/v1", "openai", "https://eu.api.openai.com/v1"),
        ("https://gateway.example/v1", "compatible", "https://gateway.example/v1"),
        ("http://localhost:8091/v1", "compatible", "http://localhost:8091/v1"),
    ],
)
def test_a_base_url_in_the_environment_counts_unless_it_is_the_sidecar(url: str, dialect: str, base_url: str) -> None:
    [found] = find_vendors({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": url})
    assert (found.dialect, found.base_url) == (dialect, base_url)
    assert (found.large is None) is (dialect == "compatible")


async def serve(body: str, status: int = 200) -> TestServer:
    """Return a server whose list of models is this text."""

    async def models(request: web.Request) -> web.Response:
        return web.Response(text=body, status=status, content_type="application/json")

    application = web.Application()
    application.router.add_get("/v1/models", models)
    server = TestServer(application, host="localhost")
    await server.start_server()
    return server


@pytest.mark.parametrize(
    ("body", "models"),
    [
        ('{"data": [{"id": "qwen3:8b"}, {"id": "org/model"}, {"id": "a//b"}]}', ("qwen3:8b", "org/model")),
        ('{"data": []}', ()),
        (f'{{"data": [{", ".join(["{}"] * 30)}]}}'.replace("{}", '{"id": "m"}'), ("m",) * discovery.MAX_MODELS),
    ],
)
async def test_a_host_on_this_machine_lists_its_models(body: str, models: tuple[str, ...]) -> None:
    server = await serve(body)
    found = await find_local({"ollama": server.port or 0, "vllm": unused_port()}, timeout_s=30)
    assert found == [Found("ollama", "compatible", f"http://localhost:{server.port}/v1", models=models)]
    await server.close()


@pytest.mark.parametrize("body", ["<html>", "[]", '{"data": 3}', '{"data": [{"id": 3}]}', '{"data": ["x"]}', "{}", ""])
async def test_what_does_not_list_models_is_not_found(body: str) -> None:
    server = await serve(body)
    assert await find_local({"ollama": server.port or 0}, timeout_s=30) == []
    await server.close()


async def test_an_error_and_an_endless_list_are_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "MAX_RESPONSE_BYTES", 10)
    long, failed = await serve('{"data": [{"id": "m"}]}'), await serve("no", status=500)
    assert await find_local({"a": long.port or 0, "b": failed.port or 0}, timeout_s=30) == []
    await long.close()
    await failed.close()
