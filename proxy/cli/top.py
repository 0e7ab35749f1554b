"""`parrot top`: a live view of the providers of a running sidecar."""

from __future__ import annotations

import asyncio
import os
from argparse import ArgumentParser, Namespace
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp

from proxy.cli.command import Command, CommandError, strip_userinfo
from proxy.cli.loop import run

try:
    from rich.console import Console
    from rich.live import Live

    from proxy.cli.top_view import SidecarReport, render, render_unreachable
except ModuleNotFoundError as missing:
    if missing.name != "rich":
        raise
    _RICH = False
else:
    _RICH = True

_DESCRIPTION = (
    "Show the status, latency, traffic share, limits and cost of each provider and the latest failovers, until Ctrl-C."
)
_INTERVAL_S = 2.0
_TIMEOUT = aiohttp.ClientTimeout(total=5)
_MAX_SAMPLES = 60
_PATHS = ("health", "performance", "performance?window=30s", "activity")


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--url", default="http://127.0.0.1:8090", help="address of the sidecar (default: %(default)s)")
    parser.add_argument("--key", help="API key of the sidecar (default: the variable PARROT_API_KEY)")
    parser.add_argument("--once", action="store_true", help="print once and exit")


def _run(arguments: Namespace) -> int:
    if not _RICH:
        raise CommandError("parrot top needs rich, which is not installed: pip install rich")
    return run(partial(_top, arguments))


@dataclass(slots=True)
class _Poller:
    """Fetches the reports of one sidecar and keeps the samples of the sparklines."""

    http: aiohttp.ClientSession
    url: str
    samples: dict[str, deque[float | None]] = field(default_factory=dict)
    """Provider -> median time to first content in ms, per poll."""

    async def poll(self) -> SidecarReport:
        """Fetch all reports once. Raises CommandError if that fails or the responses are not a sidecar's."""
        try:
            health, performance, recent, activity = await asyncio.gather(*map(self._json, _PATHS))
        except aiohttp.ClientResponseError as error:
            hint = ": not a Parrot Sidecar endpoint" if error.status in (200, 404) else ""
            raise CommandError(f"{strip_userinfo(self.url)} responded {error.status}{hint}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CommandError(f"cannot reach the sidecar: {strip_userinfo(str(error)) or 'timeout'}") from error
        url = strip_userinfo(self.url)
        try:
            for row in recent["providers"]:
                self.samples.setdefault(row["name"], deque(maxlen=_MAX_SAMPLES)).append(row["ttft_ms"]["p50"])
            return SidecarReport(url, health["providers"], performance["providers"], activity, self.samples)
        except (KeyError, TypeError) as error:
            raise CommandError(f"{url}: not a Parrot Sidecar endpoint") from error

    async def _json(self, path: str) -> Any:
        async with self.http.get(f"{self.url}/v1/providers/{path}") as response:
            if response.status == 401:
                raise CommandError("the sidecar requires a key: use --key KEY or the variable PARROT_API_KEY")
            response.raise_for_status()
            return await response.json()


async def _top(arguments: Namespace, stopped: asyncio.Event) -> int:
    key = arguments.key or os.environ.get("PARROT_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    console = Console()
    async with aiohttp.ClientSession(headers=headers, timeout=_TIMEOUT) as http:
        poller = _Poller(http, arguments.url.rstrip("/"))
        report = await poller.poll()  # before the screen is taken over, so that an error is a plain line
        if arguments.once:
            console.print(render(report, console.width))
            return 0
        with Live(render(report, console.width), console=console, screen=True, auto_refresh=False) as live:
            while not await _wait_for_stop(stopped):
                live.update(await _next_frame(poller, console), refresh=True)
    return 0


async def _next_frame(poller: _Poller, console: Console) -> Any:
    try:
        return render(await poller.poll(), console.width)
    except CommandError as error:
        return render_unreachable(strip_userinfo(poller.url), str(error))


async def _wait_for_stop(stopped: asyncio.Event) -> bool:
    """Wait for one interval. Returns True as soon as the command is stopped."""
    try:
        async with asyncio.timeout(_INTERVAL_S):
            return await stopped.wait()
    except TimeoutError:
        return False


COMMAND = Command(_add_arguments, _run, _DESCRIPTION)
