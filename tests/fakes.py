"""Fakes for the request path: a clock, a log, and a body, transport and handler that follow a list of rows."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Any

import orjson
from multidict import CIMultiDict

from proxy.cli.logs import build_logger
from proxy.config.snapshot import Snapshot
from proxy.dialects.errors import error_response
from proxy.exchange import Attempt, Exchange, Runtime
from proxy.generation import Generation, GenerationFactory
from proxy.headers import to_downstream
from proxy.messages import Request, Response
from proxy.pipeline import PipelineTerminals
from proxy.routing.decision import Decision, PlannedTarget
from proxy.sse import encode
from proxy.upstream.attempt import call_upstream

PROMPT = "canary-of-the-prompt"
CALLER_KEY = "canary-of-the-caller"
PROVIDER_KEY = "canary-of-the-provider"
ANSWER = "canary-of-the-answer"
CANARIES = (PROMPT, CALLER_KEY, PROVIDER_KEY, ANSWER)

PIPELINE = "[access_log, header_policy, limits, strategy, sse_passthrough, failover, translate]"
FILE = """
pipeline: {pipeline}
providers:
  a: {{dialect: openai, base_url: "https://a.test/v1", api_key: {key}, regions: {{us: {{}}}}, timeouts: {timeouts}}}
  b: {{dialect: openai, base_url: "https://b.test/v1", api_key: {key}, regions: {{us: {{}}}}}}
  c: {{dialect: openai, base_url: "https://c.test/v1", api_key: {key}, regions: {{us: {{}}}}}}
models:
  m: {{a: m-a, b: m-b, c: m-c}}
"""
BODY = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}
RESPONSE_BODY = orjson.dumps(
    {
        "model": "m-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5},
    }
)

NOW = 1_700_000_000.0
"""Seconds since 1970."""
FOREVER = object()
"""As a row: nothing arrives, ever."""


def routing_yaml(pipeline: str = PIPELINE, timeouts: str = "{}") -> str:
    """Return a routing.yaml in which `a`, `b` and `c` serve the model `m`."""
    return FILE.format(pipeline=pipeline, timeouts=timeouts, key=PROVIDER_KEY)


def generation(file: str = "", handler: Any = call_upstream, environ: dict[str, str] | None = None) -> Generation:
    """Build the generation of a file, in which `handler` makes the attempts."""
    return GenerationFactory(environ or {}, lambda path: "", PipelineTerminals(handler, {})).build(
        file or routing_yaml(), "routing.yaml", 1
    )


def snapshot(timeouts: str = "{}") -> Snapshot:
    return generation(routing_yaml(timeouts=timeouts)).snapshot


@dataclass
class Clock:
    """A clock that only moves when it is set, or by `sleep`."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class MemoryLog:
    """The real JSON log, written to memory."""

    def __init__(self) -> None:
        self._written = io.BytesIO()
        stream = io.TextIOWrapper(self._written)
        self.logger = build_logger("json", stream)
        stream.detach()  # otherwise the buffer is closed with it

    @property
    def text(self) -> str:
        return self._written.getvalue().decode()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.text.splitlines()]


async def play_row(row: Any) -> Any:
    """Play one row: wait forever, raise the exception, or return the row."""
    if row is FOREVER:
        await asyncio.Event().wait()
    if isinstance(row, BaseException):
        raise row
    return row


@dataclass
class FakeBody:
    """A Body and UpstreamResponse whose reads return these rows. A cancelled read is repeated by the next one."""

    rows: list[Any]
    status: int = 200
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict)
    reads: int = 0
    closed: int = 0
    idle_timeout_s: float = inf
    deadline: float = inf
    limits: list[tuple[float, float]] = field(default_factory=list)
    """Deadline and idle timeout at the time of each read."""

    async def read(self) -> bytes:
        self.reads += 1
        self.limits.append((self.deadline, self.idle_timeout_s))
        row = await play_row(self.rows[0] if self.rows else b"")
        if self.rows:
            self.rows.pop(0)
        return row

    def close(self) -> None:
        self.closed += 1


@dataclass
class FakeTransport:
    """A transport that answers each request with the next row, and records the requests."""

    rows: list[Any]
    sent: list[Any] = field(default_factory=list)
    timeouts: list[tuple[float, float]] = field(default_factory=list)

    async def send(self, request: Any, *, connect_timeout_s: float, response_timeout_s: float) -> Any:
        self.sent.append(request)
        self.timeouts.append((connect_timeout_s, response_timeout_s))
        return await play_row(self.rows.pop(0))


@dataclass
class ScriptedHandler:
    """A handler whose calls end with the next row: an exception, a Response, a status, or (status, headers)."""

    rows: list[Any]
    tried: list[str] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)

    async def __call__(self, subject: Any) -> Response:
        self.seen.append(subject)
        if isinstance(subject, Attempt):
            self.tried.append(subject.step.target.provider.name)
        row = await play_row(self.rows.pop(0))
        if isinstance(row, Response):
            return row
        status, headers = row if isinstance(row, tuple) else (row, {})
        if status != 200:
            raise error_response(status, to_downstream(CIMultiDict(headers)), f"said {status}")
        return Response(200, {}, RESPONSE_BODY)


def stream_response(rows: Iterable[Any]) -> Response:
    """Return a streamed response with these rows."""
    return Response(200, {}, FakeBody(list(rows)))


def chunk_event(content: str | None = None, finish: str | None = None, **members: Any) -> bytes:
    """Return one event of an OpenAI stream."""
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return encode(orjson.dumps({"model": "m-1", "choices": [choice], **members}))


def request(raw: bytes, headers: dict[str, str] | None = None, fails: BaseException | None = None) -> Request:
    """Return a request as the server builds it; reading its body returns `raw`, or raises `fails`."""

    async def read(hold: Any) -> bytes:
        await play_row(fails)
        hold(len(raw))
        return raw

    return Request("POST", "/v1/chat/completions", CIMultiDict(headers or {}), read)


def exchange(
    client_request: Request | None = None,
    *,
    transport: Any = None,
    log: MemoryLog | None = None,
    snap: Snapshot | None = None,
) -> Exchange:
    """Return a new exchange that starts at 100 seconds of its clock, `exchange.runtime.clock`."""
    clock = Clock()
    runtime = Runtime(
        transport or FakeTransport([]), (log or MemoryLog()).logger, clock, lambda: NOW, sleep=clock.sleep
    )
    client_request = client_request or request(orjson.dumps(BODY))
    return Exchange("req-1", client_request, snap or snapshot(), runtime, runtime.clock(), endpoint="chat")


def planned_exchange(names: str = "abc", **options: Any) -> Exchange:
    """Return an exchange with a decision: these providers, in this order."""
    planned = exchange(**options)
    targets = {target.provider.name: target for target in planned.snapshot.models["m"]}
    planned.decision = Decision("m", "automatic", tuple(PlannedTarget(targets[name], 0.0) for name in names))
    return planned


def exchange_with_attempt(**options: Any) -> Exchange:
    """Return an exchange whose first attempt is in flight."""
    planned = planned_exchange(**options)
    planned.winning_attempt = planned.start_attempt(planned.decision.plan[0])
    return planned


async def drain(body: Any, reads: int = 50) -> list[bytes]:
    """Read a body to its end, which must come within that many reads."""
    parts: list[bytes] = []
    while data := await body.read():
        parts.append(data)
        assert len(parts) < reads
    return parts
