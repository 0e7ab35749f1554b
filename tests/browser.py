"""A real browser, driven through its DevTools: what a person would see of a page, and what the console says."""

from __future__ import annotations

import asyncio
import base64
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium")
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-proxy-server",
    "--remote-debugging-port=0",
]
_PATIENCE = 20.0


@dataclass
class Page:
    """One tab; its messages come in as they are waited for."""

    socket: aiohttp.ClientWebSocketResponse
    console_errors: list[str] = field(default_factory=list)
    """What the console was told of errors and warnings, and what was thrown."""
    _asked: int = 0

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """What the browser answers; events that come meanwhile are looked through."""
        self._asked += 1
        await self.socket.send_json({"id": self._asked, "method": method, "params": params})
        while True:
            message = await self.socket.receive_json(timeout=_PATIENCE)
            if message.get("id") == self._asked:
                assert "error" not in message, message
                return message["result"]
            self._hear(message)

    async def open(self, url: str) -> None:
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=url)

    async def value(self, script: str) -> Any:
        """What an expression comes to; a promise is awaited."""
        told = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def wait_for(self, script: str) -> Any:
        """What the expression comes to once that is something; asked anew whenever the page was painted."""
        async with asyncio.timeout(_PATIENCE):
            while not (found := await self.value(f"new Promise(requestAnimationFrame).then(() => {script})")):
                pass
        return found

    async def press(self, key: str, code: int, text: str = "") -> None:
        """A key, down and up."""
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text
            )

    async def set_viewport(self, width: int, height: int, scheme: str = "light") -> None:
        """The window's size in pixels, and whether the person likes it `light` or `dark`."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        await self.call("Emulation.setDeviceMetricsOverride", **size)
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def screenshot(self) -> bytes:
        """The page as a PNG, in its whole length."""
        told = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(told["data"])

    def _hear(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message["method"] == "Runtime.exceptionThrown":
            self.console_errors.append(str(params["exceptionDetails"]))
        if message["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.console_errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        if message["method"] == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.console_errors.append(str(params["args"]))


@asynccontextmanager
async def browser() -> AsyncIterator[Page]:
    """An empty tab of a Chromium of its own; both are gone afterwards."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            CHROMIUM, *_FLAGS, f"--user-data-dir={folder}", "about:blank", stderr=asyncio.subprocess.PIPE
        )
        reading = None
        try:
            assert process.stderr is not None
            port = await _port(process.stderr)
            reading = asyncio.create_task(process.stderr.read())  # else it blocks once the pipe is full
            async with aiohttp.ClientSession() as http:
                async with http.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    [tab] = [each for each in await answer.json() if each["type"] == "page"]
                async with http.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    yield Page(socket)
        finally:
            process.kill()
            await process.wait()
            if reading is not None:
                await reading


async def _port(said: asyncio.StreamReader) -> str:
    """Where its DevTools listen: it says so on its standard error."""
    async with asyncio.timeout(_PATIENCE):
        while line := (await said.readline()).decode():
            if line.startswith("DevTools listening on ws://"):
                return line.split("/")[2].rpartition(":")[2]
    raise AssertionError("the browser ended at its start")
