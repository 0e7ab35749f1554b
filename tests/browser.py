"""Drives a real Chromium over the DevTools protocol: evaluates scripts, sends keys, collects console errors."""

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
_TIMEOUT_S = 20.0


@dataclass
class Page:
    """One tab. Messages are read while a call waits for its response."""

    socket: aiohttp.ClientWebSocketResponse
    console_errors: list[str] = field(default_factory=list)
    """Errors and warnings of the console, and uncaught exceptions."""
    _last_id: int = 0

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a DevTools method and return its result; events that arrive meanwhile are handled."""
        self._last_id += 1
        await self.socket.send_json({"id": self._last_id, "method": method, "params": params})
        while True:
            message = await self.socket.receive_json(timeout=_TIMEOUT_S)
            if message.get("id") == self._last_id:
                assert "error" not in message, message
                return message["result"]
            self._on_event(message)

    async def open(self, url: str) -> None:
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=url)

    async def value(self, script: str) -> Any:
        """Evaluate a JavaScript expression; a promise is awaited."""
        result = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def wait_for(self, script: str) -> Any:
        """Evaluate an expression after every repaint until it is truthy; return its value."""
        async with asyncio.timeout(_TIMEOUT_S):
            while not (found := await self.value(f"new Promise(requestAnimationFrame).then(() => {script})")):
                pass
        return found

    async def press(self, key: str, code: int, text: str = "") -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text
            )

    async def set_viewport(self, width: int, height: int, scheme: str = "light") -> None:
        """Set the size of the window in pixels, and the colour scheme, `light` or `dark`."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        await self.call("Emulation.setDeviceMetricsOverride", **size)
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def screenshot(self) -> bytes:
        """Return the whole page as a PNG."""
        result = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(result["data"])

    def _on_event(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message["method"] == "Runtime.exceptionThrown":
            self.console_errors.append(str(params["exceptionDetails"]))
        if message["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.console_errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        if message["method"] == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.console_errors.append(str(params["args"]))


@asynccontextmanager
async def browser() -> AsyncIterator[Page]:
    """Start a Chromium and yield an empty tab; end the Chromium afterwards."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            CHROMIUM, *_FLAGS, f"--user-data-dir={folder}", "about:blank", stderr=asyncio.subprocess.PIPE
        )
        stderr_reader = None
        try:
            assert process.stderr is not None
            port = await _port(process.stderr)
            stderr_reader = asyncio.create_task(process.stderr.read())  # so that it does not block on a full pipe
            async with aiohttp.ClientSession() as http:
                async with http.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    [tab] = [each for each in await answer.json() if each["type"] == "page"]
                async with http.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    yield Page(socket)
        finally:
            process.kill()
            await process.wait()
            if stderr_reader is not None:
                await stderr_reader


async def _port(stderr: asyncio.StreamReader) -> str:
    """Return the port of the DevTools, which Chromium prints on standard error."""
    async with asyncio.timeout(_TIMEOUT_S):
        while line := (await stderr.readline()).decode():
            if line.startswith("DevTools listening on ws://"):
                return line.split("/")[2].rpartition(":")[2]
    raise AssertionError("the browser ended at its start")
