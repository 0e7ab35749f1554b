"""The dashboard in a real browser."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.browser import CHROMIUM, Page, browser
from tests.running import HELLO, TWO_PROVIDERS, RunningSidecar, run_sidecar

pytestmark = pytest.mark.skipif(CHROMIUM is None and "CI" not in os.environ, reason="there is no chromium here")

KEYED = TWO_PROVIDERS.replace("auth,", "{auth: {keys: [{name: app, value: s3cret}]}},")
BREAKING = TWO_PROVIDERS.replace(
    "failover,",
    "{failover: {circuit_breaker: {failure_threshold: 2, base_ejection_time: 1s, max_ejection_time: 1s}}},",
)
ASK = {"model": "m", "messages": HELLO}
STATUS = "[...document.querySelectorAll('#rows tr')].map(row => row.dataset.status).join()"
SUMMARY = "document.getElementById('summary').textContent"


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with browser() as tab:
        yield tab


async def ask(started: RunningSidecar, times: int, prefer: str) -> None:
    async with aiohttp.ClientSession(headers={"X-Provider-Preference": prefer}) as http:
        for _ in range(times):
            async with http.post(f"{started.url}/v1/chat/completions", json=ASK) as answer:
                await answer.read()


async def test_a_provider_goes_down_and_recovers(page: Page) -> None:
    async with run_sidecar(BREAKING) as started:
        await page.open(f"{started.url}/dashboard")
        await page.wait_for(f"{STATUS} === 'healthy,healthy'")
        await page.wait_for("document.getElementById('link').dataset.state === 'live'")
        assert await page.value(SUMMARY) == "All 2 providers are healthy."

        await started.sandbox.stop("first")
        await ask(started, 4, prefer="first")
        await page.wait_for(f"{STATUS} === 'down,healthy'")
        assert await page.value(SUMMARY) == "first is down; 1 of 2 are healthy."
        shape = "document.querySelector('#rows tr[data-status=down] use').getAttribute('href')"
        assert await page.value(shape) == "#down"
        second = await page.wait_for("document.querySelector('#failovers b')?.parentNode.parentNode.textContent")
        assert "first connection failed" in second and "second succeeded" in second

        await started.sandbox.restore("first")
        while await page.value(STATUS) != "healthy,healthy":  # an idle provider stays down: only answers bring it back
            await ask(started, 1, prefer="first")
        assert page.console_errors == []


async def test_the_figures_follow_the_traffic(page: Page) -> None:
    async with run_sidecar() as started:
        await page.open(f"{started.url}/dashboard")
        await page.wait_for("document.getElementById('requests').textContent === '0'")
        await ask(started, 3, prefer="second")
        await page.wait_for("document.getElementById('requests').textContent === '3'")
        share = "row.querySelector('[data-name=\"Traffic share\"]').textContent"
        cells = f"[...document.querySelectorAll('#rows tr')].map(row => {share})"
        assert await page.value(cells) == ["0 %", "100 %"]
        table = await page.value("document.getElementById('table').textContent")
        assert started.sidecar.handler.generation.digest in table
        assert await page.value("document.getElementById('models').textContent") == "mfirst m-one, second m-two"


async def test_try_it_streams_the_response_and_shows_the_decision(page: Page) -> None:
    async with run_sidecar() as started:
        await page.open(f"{started.url}/dashboard")
        await page.wait_for("document.getElementById('model').value === 'm'")
        await page.value("document.getElementById('prefer').value = 'second'")
        await page.value("document.getElementById('try').requestSubmit()")
        await page.wait_for("document.getElementById('output').textContent.startsWith('Hello from second')")
        await page.wait_for("!document.getElementById('send').disabled")
        headers = await page.value("document.getElementById('response-headers').innerText.replace(/\\s+/g, ' ')")
        assert "provider second model m-two" in headers and "strategy automatic" in headers
        plan = await page.value("[...document.querySelectorAll('#plan code')].map(each => each.textContent)")
        assert plan == ["second@global/m-two", "first@global/m-one"]
        assert page.console_errors == []


async def test_try_it_shows_the_sidecars_error_message(page: Page) -> None:
    async with run_sidecar() as started:
        await page.open(f"{started.url}/dashboard")
        await page.wait_for("document.getElementById('model').value === 'm'")
        await page.value("document.getElementById('model').value = 'unknown-model'")
        await page.value("document.getElementById('try').requestSubmit()")
        await page.wait_for("document.getElementById('output').textContent.includes(\"no model 'unknown-model'\")")


async def test_the_page_prompts_for_the_key_and_keeps_it_in_the_tab(page: Page) -> None:
    async with run_sidecar(KEYED) as started:
        await page.open(f"{started.url}/dashboard")
        for key, expected in (("wrong", "Kept in this tab"), ("s3cret", "Invalid API key.")):
            hint = "document.getElementById('key-hint').textContent"
            await page.wait_for(f"document.getElementById('key-dialog')?.open && {hint}.startsWith('{expected}')")
            assert await page.value("document.activeElement.id") == "key"
            await page.value(f"document.getElementById('key').value = '{key}'")
            await page.press("Enter", 13, "\r")
        await page.wait_for(f"{STATUS} === 'healthy,healthy'")
        await page.wait_for("document.getElementById('link').dataset.state === 'live'")
        assert await page.value("sessionStorage.getItem('parrot-key')") == "s3cret"
        assert await page.value("localStorage.length + document.cookie.length") == 0
        await page.call("Page.reload")
        await page.wait_for(f"{STATUS} === 'healthy,healthy'")
        assert not await page.value("document.getElementById('key-dialog').open")


@pytest.mark.parametrize("width", [360, 820, 1280])
async def test_the_page_fits_the_window(page: Page, width: int) -> None:
    async with run_sidecar() as started:
        await page.set_viewport(width, 800)
        await page.open(f"{started.url}/dashboard")
        await page.wait_for(f"{STATUS} === 'healthy,healthy'")
        assert await page.value("document.documentElement.scrollWidth") <= width


async def test_every_control_is_reachable_by_keyboard_with_visible_focus(page: Page) -> None:
    async with run_sidecar() as started:
        await page.open(f"{started.url}/dashboard")
        await page.wait_for(f"{STATUS} === 'healthy,healthy'")
        reached = []
        for _ in range(9):
            await page.press("Tab", 9)
            reached.append(await page.value("document.activeElement.id || document.activeElement.className"))
            assert await page.value("getComputedStyle(document.activeElement).outlineStyle") != "none", reached
        assert reached == [
            "skip",
            "model",
            "strategy",
            "prefer",
            "prompt",
            "send",
            "output",
            "panel scroll",
            "panel scroll",
        ]
