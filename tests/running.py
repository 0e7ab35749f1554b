"""A sidecar with simulated providers in the test's process, as `parrot serve --sandbox` would start it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import openai
import structlog

from proxy.config.files import read_value
from proxy.config.process_schema import Admin, Listen
from proxy.control import LOCAL_ENDPOINTS
from proxy.exchange import Exchange
from proxy.generation import Generation, GenerationFactory
from proxy.pipeline import PipelineTerminals
from proxy.sandbox.adapt import adapt_snapshot
from proxy.sandbox.player import Sleep
from proxy.sandbox.provider import Environment
from proxy.sandbox.scenario import Fault
from proxy.sandbox.server import Sandbox
from proxy.sidecar import Sidecar, StartupOptions, start
from proxy.upstream.call import make_start_call

SHIPPED_CONFIG = (Path(__file__).parent.parent / "routing.yaml").read_text()
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]

TWO_PROVIDERS = """
pipeline: [access_log, auth, header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  first: {dialect: openai, base_url: "http://127.0.0.1:1/v1", weight: 1}
  second: {dialect: openai, base_url: "http://127.0.0.1:1/v1", weight: 1}
models:
  m: {first: m-one, second: m-two}
"""
"""A routing.yaml with two providers of the model `m`."""


@dataclass
class CapturedLog:
    """The log lines of a sidecar, as dictionaries."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def logger(self) -> Any:
        processors = [structlog.processors.add_log_level, structlog.processors.format_exc_info, self._keep]
        wrapper = structlog.make_filtering_bound_logger(20)
        return structlog.wrap_logger(structlog.ReturnLogger(), processors=processors, wrapper_class=wrapper).bind()

    def _keep(self, _: Any, __: str, event: Any) -> str:
        self.lines.append(dict(event))
        return ""


class PausableSleep:
    """The sleep of the simulated providers: returns at once, or after `hold` blocks until `release`."""

    def __init__(self) -> None:
        self._released = asyncio.Event()
        self.release()

    def release(self) -> None:
        self._remaining = inf
        self._released.set()

    def hold(self, after: int) -> None:
        self._remaining = after
        self._released.clear()

    async def sleep(self, _: float) -> None:
        self._remaining -= 1
        if self._remaining < 0:
            await self._released.wait()


@dataclass(frozen=True, slots=True)
class LogMarker:
    """A custom middleware that logs its setting for each request."""

    name: str

    def closed(self, exchange: Exchange) -> None:
        exchange.runtime.log.info("marked", name=self.name, request_id=exchange.id)


@dataclass
class RunningSidecar:
    """A started sidecar with its sandbox, log and configuration file."""

    sidecar: Sidecar
    sandbox: Sandbox
    log: CapturedLog
    path: Path
    """The configuration file. A change takes effect only when the test calls `poll`."""
    pace: PausableSleep

    async def admin(self, method: str, path: str) -> tuple[int, Any]:
        """Send a request to the admin listener and return status and JSON body."""
        async with aiohttp.request(method, self.sidecar.admin_url + path) as answer:
            return answer.status, await answer.json()

    async def hold_streams(self) -> None:
        """Let streams stop after their first content, until `pace.release()`."""
        for name in self.sandbox.names:
            await self.sandbox.set_fault(name, Fault("slow", seconds=0.001, between=0.001))
        self.pace.hold(after=3)

    @property
    def url(self) -> str:
        return self.sidecar.url

    @property
    def events(self) -> list[str]:
        """Names of the log events, without `request_completed`."""
        return [line["event"] for line in self.log.lines if line["event"] != "request_completed"]

    async def poll(self) -> None:
        """Check the file for changes, as the watcher does every second."""
        await self.sidecar.reloader.poll(no_sleep)

    async def edit(self, old: str, new: str) -> None:
        """Replace text in the file, as an editor saves it, and reload."""
        text = self.path.read_text()
        assert old in text
        self.path.with_suffix(".new").write_text(text.replace(old, new))
        self.path.with_suffix(".new").rename(self.path)
        await self.poll()

    def client(self, **options: Any) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key="any", max_retries=0, **options)

    def sync_client(self, **options: Any) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="any", max_retries=0, **options)


async def no_sleep(_: float) -> None:
    """Return at once: a sleep that takes no time."""


def build_generation(text: str, environ: Mapping[str, str] | None = None, number: int = 1) -> Generation:
    return GenerationFactory(environ or {}, read_value, PipelineTerminals(make_start_call, LOCAL_ENDPOINTS)).build(
        text, "routing.yaml", number
    )


def startup_options(
    generation: Generation, log: CapturedLog, path: str = "routing.yaml", build: Any = None
) -> StartupOptions:
    return StartupOptions(generation, path, build, log.logger(), Listen(port=0), Admin(port=0))


@asynccontextmanager
async def run_sidecar(
    text: str = TWO_PROVIDERS, environ: Mapping[str, str] | None = None, *, sleep: Sleep | None = None
) -> AsyncIterator[RunningSidecar]:
    """Start a sidecar with that routing.yaml and simulated providers; stop it at the end of the context.

    `sleep` is that of the providers, by default the one that `RunningSidecar.pace` controls.
    """
    snapshot = build_generation(text, environ).snapshot
    pace = PausableSleep()
    dialects = {name: provider.dialect for name, provider in snapshot.providers.items()}
    sandbox = await Sandbox.start(dialects, environment=Environment(sleep=sleep or pace.sleep))
    urls = {name: sandbox.base_url(name) for name in snapshot.providers}

    def build(text: str, number: int) -> Generation:
        generation = build_generation(text, environ, number)
        return replace(generation, snapshot=adapt_snapshot(generation.snapshot, urls))

    log = CapturedLog()
    with TemporaryDirectory() as folder:
        path = Path(folder, "routing.yaml")
        path.write_text(text)  # noqa: ASYNC240 (nothing else runs yet)
        sidecar = await start(startup_options(build(text, 1), log, str(path), build))
        sidecar.config_task.cancel()
        try:
            yield RunningSidecar(sidecar, sandbox, log, path, pace)
        finally:
            await sidecar.stop()
            await sandbox.close()
