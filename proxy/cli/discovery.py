"""Finds the providers that `parrot init` writes: those with a key in the environment, and hosts on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import orjson

from proxy.cli.vendors import VENDORS, Vendor
from proxy.config.process_schema import Listen
from proxy.config.snapshot import MODEL_NAME
from proxy.config.texts import BaseUrl
from proxy.upstream.http1.proxies import is_loopback

LOCAL_PORTS: Mapping[str, int] = {"ollama": 11434, "vllm": 8000, "lmstudio": 1234, "llamacpp": 8080}
"""Hosts of models and the ports that they listen on by default."""
TIMEOUT_S = 1.0
MAX_RESPONSE_BYTES = 1024 * 1024
MAX_MODELS = 20
"""Models of a local host that are written."""

_AZURE_KEYS = ("AZURE_OPENAI_API_KEY", "AZURE_API_KEY")
_AZURE_ENDPOINTS = ("AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE")


@dataclass(frozen=True, slots=True)
class Found:
    """A provider to write."""

    name: str
    dialect: str
    base_url: str
    variable: str | None = None
    """That of its key."""
    auth: str | None = None
    large: str | None = None
    small: str | None = None
    models: tuple[str, ...] = ()
    """Names and patterns that go to it unchanged."""


def find_vendors(environ: Mapping[str, str]) -> list[Found]:
    """Return the vendors whose key is set."""
    found = []
    for vendor in VENDORS:
        if (variable := _first_set(environ, vendor.variables)) is not None:
            found.append(_with_base_url(vendor_entry(vendor, variable), environ))
    return [*found, *_find_azure(environ)]


def vendor_entry(vendor: Vendor, variable: str) -> Found:
    """Return the entry of a vendor whose key is in that variable."""
    return Found(
        vendor.name,
        vendor.dialect,
        vendor.base_url,
        variable,
        large=vendor.large,
        small=vendor.small,
        models=vendor.patterns,
    )


def _first_set(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if environ.get(name, "").strip()), None)


def _with_base_url(entry: Found, environ: Mapping[str, str]) -> Found:
    """Return OpenAI's entry with the address in OPENAI_BASE_URL. That of another host has other models."""
    url = environ.get("OPENAI_BASE_URL", "").strip()
    if entry.variable != "OPENAI_API_KEY" or not _is_base_url(url) or _is_sidecar(url):
        return entry
    if (urlsplit(url).hostname or "").endswith(".openai.com"):
        return Found(entry.name, entry.dialect, url, entry.variable, None, entry.large, entry.small, entry.models)
    return Found(entry.name, "compatible", url, entry.variable)


def _is_base_url(url: str) -> bool:
    try:
        BaseUrl.parse(url)
    except ValueError:
        return False
    return True


def _is_sidecar(url: str) -> bool:
    """Return whether it is where the sidecar listens by default: the address that applications are given."""
    parts = urlsplit(url)
    return parts.port == Listen().port and is_loopback(parts.hostname or "")


def _find_azure(environ: Mapping[str, str]) -> list[Found]:
    """Return an Azure resource if its key and endpoint are set. Its models have the names of its deployments."""
    key, endpoint = _first_set(environ, _AZURE_KEYS), _first_set(environ, _AZURE_ENDPOINTS)
    if key is None or endpoint is None or not _is_base_url(environ[endpoint]):
        return []
    address = environ[endpoint]
    path = "" if address.rstrip("/").endswith("/v1") else "openai/v1" if address.endswith("/") else "/openai/v1"
    return [Found("azure", "openai", f"${{{endpoint}}}{path}", key, auth="api-key")]


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return a body. Raises ValueError if it is too long."""
    data = bytearray()
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > MAX_RESPONSE_BYTES:
            raise ValueError(f"over {MAX_RESPONSE_BYTES} bytes")
    return bytes(data)


async def find_local(ports: Mapping[str, int] = LOCAL_PORTS, timeout_s: float = TIMEOUT_S) -> list[Found]:
    """Return the hosts on this machine that list their models. Each is asked at the same time."""
    timeout = aiohttp.ClientTimeout(timeout_s)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as http:
        urls = {name: f"http://localhost:{port}/v1" for name, port in ports.items()}
        listed = await asyncio.gather(*(_list_models(http, url) for url in urls.values()))
    answers = zip(urls.items(), listed, strict=True)
    return [Found(name, "compatible", url, models=models) for (name, url), models in answers if models is not None]


async def _list_models(http: aiohttp.ClientSession, url: str) -> tuple[str, ...] | None:
    """Return the names of a host's models that a request can ask for, or None if it does not list any."""
    try:
        async with http.get(f"{url}/models", allow_redirects=False) as response:
            models = orjson.loads(await _read(response))["data"]
        names = [model["id"] for model in models if MODEL_NAME.fullmatch(model["id"])]
    except (aiohttp.ClientError, TimeoutError, ValueError, TypeError, KeyError):
        return None
    return tuple(names[:MAX_MODELS])
