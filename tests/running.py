"""A sidecar with simulated providers, started as `parrot serve --sandbox` starts it, but inside the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import openai
import structlog

from proxy.config.schema import Admin, Listen
from proxy.control import OWN
from proxy.generation import Generation, Maker
from proxy.pipeline import Ends
from proxy.sandbox.adapt import adapted
from proxy.sandbox.server import Sandbox
from proxy.sidecar import Launch, Sidecar, start
from proxy.upstream.attempt import upstream

SHIPPED = (Path(__file__).parent.parent / "routing.yaml").read_text()
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]

TWO = """
pipeline: [access_log, auth, header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  first: {dialect: openai, base_url: "http://127.0.0.1:1/v1", weight: 1}
  second: {dialect: openai, base_url: "http://127.0.0.1:1/v1", weight: 1}
models:
  m: {first: m-one, second: m-two}
"""
"""Two providers of one model."""


@dataclass
class Log:
    """What the sidecar logged, as a user's log shipper would get it."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def logger(self) -> Any:
        processors = [structlog.processors.add_log_level, structlog.processors.format_exc_info, self._keep]
        wrapper = structlog.make_filtering_bound_logger(20)
        return structlog.wrap_logger(structlog.ReturnLogger(), processors=processors, wrapper_class=wrapper).bind()

    def _keep(self, _: Any, __: str, event: Any) -> str:
        self.lines.append(dict(event))
        return ""


@dataclass
class Running:
    """What a test may touch."""

    sidecar: Sidecar
    sandbox: Sandbox
    log: Log

    @property
    def url(self) -> str:
        return self.sidecar.url

    def client(self, **options: Any) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key="any", max_retries=0, **options)

    def sync_client(self, **options: Any) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="any", max_retries=0, **options)


def made(text: str, environ: Mapping[str, str] | None = None) -> Generation:
    maker = Maker(environ or {}, lambda path: Path(path).read_text(), Ends(upstream, OWN))
    return maker.make(text, "routing.yaml", 1)


def launch(generation: Generation, log: Log, path: str = "routing.yaml", make: Any = None) -> Launch:
    return Launch(generation, path, make, log.logger(), Listen(port=0), Admin(port=0))


@asynccontextmanager
async def running(text: str = TWO, environ: Mapping[str, str] | None = None) -> AsyncIterator[Running]:
    generation = made(text, environ)
    snapshot = generation.snapshot
    sandbox = await Sandbox.start({name: provider.dialect for name, provider in snapshot.providers.items()})
    urls = {name: sandbox.base_url(name) for name in snapshot.providers}
    log = Log()
    sidecar = await start(launch(replace(generation, snapshot=adapted(snapshot, urls)), log))
    try:
        yield Running(sidecar, sandbox, log)
    finally:
        await sidecar.stop()
        await sandbox.close()
