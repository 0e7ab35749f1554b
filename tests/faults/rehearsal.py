"""Runs a sidecar with default settings in front of scripted providers, in virtual time (`tests/virtual_time.py`)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from unittest.mock import patch

import aiohttp
import orjson
from multidict import CIMultiDict

from proxy.sidecar import Sidecar, start
from proxy.sse import Framer, decode
from proxy.upstream.http1.dial import create_ssl_context
from tests.faults.server import FaultServer, Op, Peer, Script
from tests.running import CapturedLog, build_generation, startup_options

_create_ssl_context = cache(create_ssl_context)  # loading the system's certificates takes longer than a test
KEY = "canary-of-the-provider"
PROMPT = "canary-of-the-prompt"
FILE = """
pipeline:
  - access_log
  - header_policy
  - limits
  - strategy
  - sse_passthrough
  - failover: {{{failover}}}
  - translate
providers:
  first: {{dialect: {first}, base_url: "{first_url}", api_key: {key}}}
  second: {{dialect: {second}, base_url: "{second_url}", api_key: {key}}}
models:
  m:
    first: {{model: {first_model}, price: {{input: 1, output: 10}}, context_window: 8000}}
{fallback}"""
FALLBACK = """    second: {{model: {second_model}, price: {{input: 2, output: 20}}, context_window: 32000}}
"""
MODELS = {
    "openai": "gpt-x", "anthropic": "claude-haiku-4-5", "google": "gemini-x", "mistral": "mistral-x",
    "cohere": "command-x", "meta": "llama-x",
}  # fmt: skip


@dataclass
class ClientResult:
    """What a client received for one request."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    started_at: float
    ended_at: float
    events: list[Any] = field(default_factory=list)
    """Data of the events: parsed JSON, or the string `[DONE]`."""
    times: list[float] = field(default_factory=list)
    """Loop time of each event."""

    @property
    def duration_s(self) -> float:
        """Duration in loop time."""
        return self.ended_at - self.started_at

    @property
    def chunks(self) -> list[dict[str, Any]]:
        return [event for event in self.events if isinstance(event, dict)]

    @property
    def text(self) -> str:
        """The text of the answer, streamed or not."""
        if not self.events:
            return str(orjson.loads(self.body)["choices"][0]["message"]["content"])
        choices = [choice for chunk in self.chunks for choice in chunk.get("choices") or ()]
        return "".join(choice["delta"].get("content") or "" for choice in choices)

    @property
    def finishes(self) -> list[str]:
        choices = [choice for chunk in self.chunks for choice in chunk.get("choices") or ()]
        return [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The error events of a stream, or the error of an error response."""
        if self.status != 200:
            return [orjson.loads(self.body)["error"]]
        return [chunk["error"] for chunk in self.chunks if chunk.get("error")]

    @property
    def done(self) -> int:
        """Number of `[DONE]` events."""
        return self.events.count("[DONE]")

    @property
    def provider(self) -> str:
        """The provider of the response, or of the last event."""
        return str(self.chunks[-1]["provider"] if self.chunks else orjson.loads(self.body)["provider"])


@dataclass
class Rehearsal:
    """A started sidecar, a client session, the scripted providers and the log."""

    sidecar: Sidecar
    session: aiohttp.ClientSession
    servers: tuple[FaultServer, ...]
    log: CapturedLog

    @property
    def calls(self) -> tuple[int, ...]:
        """Number of requests that each provider received."""
        return tuple(len(server.requests) for server in self.servers)

    async def send_chat(
        self, stream: bool = True, headers: Mapping[str, str] | None = None, **members: Any
    ) -> ClientResult:
        """Send one chat request and read the response to its end."""
        messages = [{"role": "user", "content": PROMPT}]
        return await self.send("/v1/chat/completions", {"messages": messages, "stream": stream, **members}, headers)

    async def send(
        self, path: str, members: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> ClientResult:
        """Send one request with these members and read the response to its end."""
        loop = asyncio.get_running_loop()
        request_headers = CIMultiDict(headers or {})
        request_headers.setdefault("X-Provider-Preference", "first,second")
        began, body = loop.time(), {"model": "m", **members}
        async with self.session.post(self.sidecar.url + path, json=body, headers=request_headers) as answer:
            result = ClientResult(answer.status, answer.headers, b"", began, began)
            framer = Framer()
            async for data in answer.content.iter_any():
                result.body += data
                if answer.content_type == "text/event-stream":
                    _record_events(result, framer.feed(data), loop.time())
            result.ended_at = loop.time()
        return result

    def logged(self) -> str:
        """Return everything that was logged, as one string."""
        return repr(self.log.lines)


def _record_events(result: ClientResult, frames: Sequence[bytes], now: float) -> None:
    for frame in frames:
        data = decode(frame).data
        if data is not None:
            result.events.append("[DONE]" if data == b"[DONE]" else json.loads(data))
            result.times.append(now)


def routing_yaml(first: str = "openai", second: str = "openai", *, alone: bool = False, failover: str = "") -> str:
    """Return a routing.yaml with two providers; `rehearsal` fills in their addresses."""
    fallback = "" if alone else FALLBACK.format(second_model=MODELS[second])
    names = {"first": first, "second": second, "first_model": MODELS[first]}
    return FILE.format(
        **names, fallback=fallback, failover=failover, key=KEY, first_url="http://first", second_url="http://second"
    )


@asynccontextmanager
async def rehearsal(
    file: str, *scripts: Sequence[Script], environ: Mapping[str, str] | None = None
) -> AsyncIterator[Rehearsal]:
    """Start the sidecar in front of providers that play these scripts, one per connection.

    `http://first` and `http://second` in the file become the URLs of the providers.
    """
    async with AsyncExitStack() as stack:
        servers = tuple([await stack.enter_async_context(FaultServer(*each)) for each in scripts])
        for server in servers:
            if not server.scripts:
                server.refuse()
        for name, server in zip(("first", "second"), servers, strict=False):
            file = file.replace(f"http://{name}", f"http://127.0.0.1:{server.port}")
        log = CapturedLog()
        with patch("proxy.upstream.http1.transport.create_ssl_context", _create_ssl_context):
            sidecar = await start(startup_options(build_generation(file, environ), log))
        sidecar.config_task.cancel()
        clock = asyncio.get_running_loop().time
        sidecar.handler.runtime = replace(sidecar.handler.runtime, clock=clock)
        stack.push_async_callback(sidecar.stop)
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(700)))
        yield Rehearsal(sidecar, session, servers, log)


def pause(seconds: float) -> Op:
    """Return an operation that waits."""

    async def op(_: Peer) -> None:
        await asyncio.sleep(seconds)

    return op
