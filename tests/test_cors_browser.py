"""A page of a listed origin calls the sidecar from a real browser, with a key and a routing header; no other page can."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from tests.browser import CHROMIUM, Page, browser
from tests.fakes import CALLER_KEY
from tests.running import TWO_PROVIDERS, RunningSidecar, run_sidecar

pytestmark = pytest.mark.skipif(CHROMIUM is None and "CI" not in os.environ, reason="there is no chromium here")

CALL = """
async (url, key, stream) => {
  try {
    const response = await fetch(url + '/v1/chat/completions', {
      method: 'POST',
      headers: {'Authorization': 'Bearer ' + key, 'Content-Type': 'application/json', 'X-Provider': 'second'},
      body: JSON.stringify({model: 'm', stream, messages: [{role: 'user', content: 'Hello'}]}),
    });
    return {status: response.status, provider: response.headers.get('X-Provider'),
            id: response.headers.get('X-Request-Id'), text: await response.text()};
  } catch (error) { return {refused: String(error)}; }
}
"""


@asynccontextmanager
async def page_origin() -> AsyncIterator[str]:
    """Serve an empty page on another port of this machine, and return its origin."""

    async def serve(_: web.BaseRequest) -> web.Response:
        return web.Response(text="<title>app</title>", content_type="text/html")

    runner = web.ServerRunner(web.Server(serve))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def opened_page(*, is_listed: bool) -> AsyncIterator[tuple[Page, RunningSidecar]]:
    """Open a page whose origin is listed under `auth: origins`, or is not."""
    async with page_origin() as origin, browser() as page:
        listed = origin if is_listed else "https://other.test"
        auth = f"{{auth: {{keys: [{{name: app, value: {CALLER_KEY}}}], origins: ['{listed}']}}}},"
        async with run_sidecar(TWO_PROVIDERS.replace("auth,", auth)) as started:
            await page.open(origin)
            await page.wait_for("document.title === 'app'")
            yield page, started


async def call(page: Page, url: str, key: str = CALLER_KEY, *, stream: bool = False) -> Any:
    return await page.value(f"({CALL})('{url}', '{key}', {str(stream).lower()})")


async def test_a_page_of_a_listed_origin_reads_responses_streams_and_errors_with_their_headers() -> None:
    async with opened_page(is_listed=True) as (page, started):
        response = await call(page, started.url)
        assert (response["status"], response["provider"]) == (200, "second") and response["id"]
        stream = await call(page, started.url, stream=True)
        assert (stream["status"], stream["provider"]) == (200, "second")
        assert stream["text"].endswith("data: [DONE]\n\n")
        error = await call(page, started.url, key="wrong")
        assert error["status"] == 401 and "invalid_api_key" in error["text"] and error["id"]


async def test_a_page_of_another_origin_cannot_call() -> None:
    async with opened_page(is_listed=False) as (page, started):
        assert "Failed to fetch" in (await call(page, started.url))["refused"]
        assert started.sandbox.requests("first") == started.sandbox.requests("second") == []
