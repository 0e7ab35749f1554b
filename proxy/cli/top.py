"""`parrot top`: the providers of a running sidecar, kept in front of you."""

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

_DESCRIPTION = "Statuses, times, shares, limits, cost and the latest second tries, until Ctrl-C."
_INTERVAL_S = 2.0
_TIMEOUT = aiohttp.ClientTimeout(total=5)
_MAX_SAMPLES = 60
_PATHS = ("health", "performance", "performance?window=30s", "activity")


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--url", default="http://127.0.0.1:8090", help="where it listens; default: %(default)s")
    parser.add_argument("--key", help="if it asks for one; default: the variable PARROT_API_KEY")
    parser.add_argument("--once", action="store_true", help="one look, and no more")


def _run(arguments: Namespace) -> int:
    if not _RICH:
        raise CommandError("parrot top draws with rich, which is not here: pip install 'parrot-sidecar[cli]'")
    return run(partial(_top, arguments))


@dataclass(slots=True)
class _Poller:
    """Asks one sidecar again and again, and remembers what the curves need."""

    http: aiohttp.ClientSession
    url: str
    curves: dict[str, deque[float | None]] = field(default_factory=dict)

    async def poll(self) -> SidecarReport:
        """One look. Raises Failure where it does not answer as a sidecar does."""
        try:
            health, performance, recent, activity = await asyncio.gather(*map(self._json, _PATHS))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CommandError(f"no sidecar answers: {strip_userinfo(str(error)) or 'it is silent'}") from error
        for row in recent["providers"]:
            self.curves.setdefault(row["name"], deque(maxlen=_MAX_SAMPLES)).append(row["ttft_ms"]["p50"])
        return SidecarReport(
            strip_userinfo(self.url), health["providers"], performance["providers"], activity, self.curves
        )

    async def _json(self, path: str) -> Any:
        async with self.http.get(f"{self.url}/v1/providers/{path}") as answer:
            if answer.status == 401:
                raise CommandError("it asks for a key: --key KEY, or the variable PARROT_API_KEY")
            answer.raise_for_status()
            return await answer.json()


async def _top(arguments: Namespace, stopped: asyncio.Event) -> int:
    key = arguments.key or os.environ.get("PARROT_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    console = Console()
    async with aiohttp.ClientSession(headers=headers, timeout=_TIMEOUT) as http:
        watcher = _Poller(http, arguments.url.rstrip("/"))
        look = await watcher.poll()  # what is wrong at once is said plainly, on no screen of its own
        if arguments.once:
            console.print(render(look, console.width))
            return 0
        with Live(render(look, console.width), console=console, screen=True, auto_refresh=False) as live:
            while not await _is_stopped_within(stopped):
                live.update(await _next(watcher, console), refresh=True)
    return 0


async def _next(watcher: _Poller, console: Console) -> Any:
    try:
        return render(await watcher.poll(), console.width)
    except CommandError as failure:
        return render_unreachable(strip_userinfo(watcher.url), str(failure))


async def _is_stopped_within(stopped: asyncio.Event) -> bool:
    """Whether it was told to stop meanwhile."""
    try:
        async with asyncio.timeout(_INTERVAL_S):
            return await stopped.wait()
    except TimeoutError:
        return False


COMMAND = Command("top", "watch the providers of a running sidecar", _arguments, _run, _DESCRIPTION)
