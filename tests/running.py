"""A sidecar with simulated providers, started as `parrot serve --sandbox` starts it, but inside the test."""

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
from proxy.config.schema import Admin, Listen
from proxy.control import LOCAL_ENDPOINTS
from proxy.exchange import Exchange, Handler
from proxy.generation import Generation, GenerationFactory
from proxy.messages import Response
from proxy.pipeline import PipelineTerminals
from proxy.sandbox.adapt import adapt_snapshot
from proxy.sandbox.provider import Environment
from proxy.sandbox.scenario import Fault
from proxy.sandbox.server import Sandbox
from proxy.sidecar import Sidecar, StartupOptions, start
from proxy.upstream.attempt import call_upstream

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
"""Two providers of one model."""


@dataclass
class CapturedLog:
    """What the sidecar logged, as a user's log shipper would get it."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def logger(self) -> Any:
        processors = [structlog.processors.add_log_level, structlog.processors.format_exc_info, self._keep]
        wrapper = structlog.make_filtering_bound_logger(20)
        return structlog.wrap_logger(structlog.ReturnLogger(), processors=processors, wrapper_class=wrapper).bind()

    def _keep(self, _: Any, __: str, event: Any) -> str:
        self.lines.append(dict(event))
        return ""


class PausableSleep:
    """What simulated providers wait for instead of time: nothing, or after so many waits until `release`."""

    def __init__(self) -> None:
        self._going = asyncio.Event()
        self.release()

    def release(self) -> None:
        self._left = inf
        self._going.set()

    def hold(self, after: int) -> None:
        self._left = after
        self._going.clear()

    async def sleep(self, _: float) -> None:
        self._left -= 1
        if self._left < 0:
            await self._going.wait()


@dataclass(frozen=True, slots=True)
class LogMarker:
    """A middleware of one's own that logs which of its settings a request went through."""

    name: str

    async def __call__(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        exchange.on_close(lambda ended: ended.runtime.log.info("marked", name=self.name, request_id=ended.id))
        return await handler(exchange)


@dataclass
class RunningSidecar:
    """What a test may touch."""

    sidecar: Sidecar
    sandbox: Sandbox
    log: CapturedLog
    path: Path
    """Its file; a change is taken up when the test says `poll`, and not before."""
    pace: PausableSleep

    async def admin(self, method: str, path: str) -> tuple[int, Any]:
        """Status and body of an answer of the admin listener."""
        async with aiohttp.request(method, self.sidecar.admin_url + path) as answer:
            return answer.status, await answer.json()

    async def hold_streams(self) -> None:
        """From now on streams stop after their first content, until the pace goes on."""
        for name in self.sandbox.names:
            await self.sandbox.set_fault(name, Fault("slow", seconds=0.001, between=0.001))
        self.pace.hold(after=3)

    @property
    def url(self) -> str:
        return self.sidecar.url

    @property
    def events(self) -> list[str]:
        """The names of what was logged, requests left out."""
        return [line["event"] for line in self.log.lines if line["event"] != "request_completed"]

    async def poll(self) -> None:
        """What the watcher does every second."""
        await self.sidecar.reloader.poll(no_sleep)

    async def edit(self, old: str, new: str) -> None:
        """A person changes something in the file and saves it; the watcher sees it."""
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
    """A sleep that takes no time."""


def build_generation(text: str, environ: Mapping[str, str] | None = None, number: int = 1) -> Generation:
    return GenerationFactory(environ or {}, read_value, PipelineTerminals(call_upstream, LOCAL_ENDPOINTS)).build(
        text, "routing.yaml", number
    )


def startup_options(
    generation: Generation, log: CapturedLog, path: str = "routing.yaml", make: Any = None
) -> StartupOptions:
    return StartupOptions(generation, path, make, log.logger(), Listen(port=0), Admin(port=0))


@asynccontextmanager
async def run_sidecar(
    text: str = TWO_PROVIDERS, environ: Mapping[str, str] | None = None
) -> AsyncIterator[RunningSidecar]:
    snapshot = build_generation(text, environ).snapshot
    pace = PausableSleep()
    dialects = {name: provider.dialect for name, provider in snapshot.providers.items()}
    sandbox = await Sandbox.start(dialects, environment=Environment(sleep=pace.sleep))
    urls = {name: sandbox.base_url(name) for name in snapshot.providers}

    def make(text: str, number: int) -> Generation:
        generation = build_generation(text, environ, number)
        return replace(generation, snapshot=adapt_snapshot(generation.snapshot, urls))

    log = CapturedLog()
    with TemporaryDirectory() as folder:
        path = Path(folder, "routing.yaml")
        path.write_text(text)  # noqa: ASYNC240 (nobody else waits)
        sidecar = await start(startup_options(make(text, 1), log, str(path), make))
        sidecar.config_task.cancel()
        try:
            yield RunningSidecar(sidecar, sandbox, log, path, pace)
        finally:
            await sidecar.stop()
            await sandbox.close()
