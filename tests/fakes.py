"""Fakes for the request path: a clock, a log, a caller's connection, and a transport that follows a list of rows."""

from __future__ import annotations

import asyncio
import io
from collections import deque
from dataclasses import dataclass, field
from math import inf
from typing import Any

import orjson
from multidict import CIMultiDict

from proxy.attempts.planner import AttemptPlanner
from proxy.attempts.settings import FailoverOptions
from proxy.attempts.starter import AttemptStarter
from proxy.cli.logs import build_logger
from proxy.config.snapshot import Snapshot
from proxy.downstream.response_head import encode_head
from proxy.errors import InvalidRequestError
from proxy.exchange import Attempt, Exchange
from proxy.generation import Generation, GenerationFactory
from proxy.lifecycle import RequestLifecycle
from proxy.messages import Headers, Request, ResponseSink, UpstreamRequest
from proxy.pipeline import Pipeline, PipelineTerminals
from proxy.routing.decision import Decision, PlannedTarget
from proxy.runtime import Runtime
from proxy.sse import encode
from proxy.upstream.call import make_start_call

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


@dataclass(frozen=True)
class Later:
    """As a row: the row in it, after that many seconds."""

    seconds: float
    row: Any


def routing_yaml(pipeline: str = PIPELINE, timeouts: str = "{}") -> str:
    """Return a routing.yaml in which `a`, `b` and `c` serve the model `m`."""
    return FILE.format(pipeline=pipeline, timeouts=timeouts, key=PROVIDER_KEY)


def generation(file: str = "", environ: dict[str, str] | None = None) -> Generation:
    """Build the generation of a file."""
    return GenerationFactory(environ or {}, lambda path: "", PipelineTerminals(make_start_call, {})).build(
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


@dataclass
class FakeTransfer:
    """One request of a FakeTransport; plays its row in the event loop, one step at a time."""

    request: UpstreamRequest
    sink: ResponseSink
    steps: deque[Any]
    paused: int = 0
    resumed: int = 0
    aborted: int = 0
    timeouts: list[tuple[float, float]] = field(default_factory=list)
    """Deadline and idle timeout of each `set_timeouts`."""
    is_over: bool = False

    def play(self) -> None:
        """Play the next step, and the rest after it."""
        if self.is_over or not self.steps or self.steps[0] is FOREVER:
            return
        step = self.steps.popleft()
        if isinstance(step, float):
            asyncio.get_running_loop().call_later(step, self.play)
            return
        if isinstance(step, BaseException):
            self.is_over = True
            self.sink.on_failure(step)  # type: ignore[arg-type]
            return
        if isinstance(step, tuple):
            self.sink.on_head(*step)
        elif step is END:
            self.is_over = True
            self.sink.on_end()
        else:
            self.sink.on_body(step)
        asyncio.get_running_loop().call_soon(self.play)

    def push(self, *steps: Any) -> None:
        """Go on after FOREVER with these steps."""
        self.steps.clear()
        self.steps.extend(steps)
        self.play()

    def pause(self) -> None:
        self.paused += 1

    def resume(self) -> None:
        self.resumed += 1

    def set_timeouts(self, *, deadline: float, idle_timeout_s: float) -> None:
        self.timeouts.append((deadline, idle_timeout_s))

    def abort(self) -> None:
        if not self.is_over:
            self.aborted += 1
        self.is_over = True


@dataclass
class FakeTransport:
    """A transport whose requests are answered by the next row: what `steps` takes."""

    rows: list[Any]
    transfers: list[FakeTransfer] = field(default_factory=list)
    timeouts: list[tuple[float, float]] = field(default_factory=list)
    """Timeouts in seconds of each request: for the connection, and for the response."""

    @property
    def sent(self) -> list[UpstreamRequest]:
        """The requests, in order."""
        return [transfer.request for transfer in self.transfers]

    @property
    def tried(self) -> str:
        """The providers that were sent something, in order, such as `aab`."""
        return "".join(request.url.removeprefix("https://")[0] for request in self.sent)

    def send(
        self, request: UpstreamRequest, sink: ResponseSink, *, connect_timeout_s: float, response_timeout_s: float = inf
    ) -> FakeTransfer:
        row = self.rows.pop(0)
        if isinstance(row, InvalidRequestError):
            raise row
        transfer = FakeTransfer(request, sink, deque(steps(row)))
        self.transfers.append(transfer)
        self.timeouts.append((connect_timeout_s, response_timeout_s))
        asyncio.get_running_loop().call_soon(transfer.play)
        return transfer

    def close(self) -> None:
        pass


END = object()
"""As a step: the response is complete."""
SSE = {"content-type": "text/event-stream"}


def steps(row: Any) -> list[Any]:
    """Return the steps of a row: an exception, FOREVER, a status or (status, headers), the reads of a stream, or Later.

    (status, headers, reads) is any response. Reads end the response, unless the last is an exception or FOREVER; a float
    among them is a pause in seconds.
    """
    if isinstance(row, Later):
        return [row.seconds, *steps(row.row)]
    if row is FOREVER or isinstance(row, BaseException):
        return [row]
    if isinstance(row, list):
        row = (200, SSE, row)
    status, headers, *rest = row if isinstance(row, tuple) else (row, {})
    reads = rest[0] if rest else [_body(status)]
    is_open = bool(reads) and (reads[-1] is FOREVER or isinstance(reads[-1], BaseException))
    return [
        (status, {name.lower(): value for name, value in dict(headers).items()}),
        *reads,
        *([] if is_open else [END]),
    ]


def _body(status: int) -> bytes:
    return RESPONSE_BODY if status == 200 else orjson.dumps({"error": {"message": f"said {status}"}})


@dataclass
class FakeClient:
    """A caller's connection that records what it is sent; implements `response_writer.Client`."""

    raw: bytes
    """The request's body."""
    body_is_late: bool = False
    """Whether the body is still to come: then `lifecycle.feed_body` and `end_body` get it."""
    status: int = 0
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict)
    parts: list[bytes] = field(default_factory=list)
    """The writes of a stream, or the whole body."""
    is_closed: bool = False
    """Whether the connection was closed without a response."""
    is_hijacked: bool = False
    """Whether the connection was given to a coroutine, which does not run here."""
    has_ended: asyncio.Event = field(default_factory=asyncio.Event)
    lifecycle: RequestLifecycle = field(init=False)
    attempts: list[Attempt] = field(default_factory=list)
    """The request's attempts, once it is over."""
    _due: float = inf
    _timer: asyncio.TimerHandle | None = None

    @property
    def body(self) -> bytes:
        """All that was sent as the body."""
        return b"".join(self.parts)

    @property
    def events(self) -> list[bytes]:
        """The data of each event of a stream."""
        return [part.removeprefix(b"data: ") for part in self.body.split(b"\n\n") if part]

    @property
    def error(self) -> Any:
        """The members of the error in the body."""
        return orjson.loads(self.body)["error"]

    def read_body(self) -> bytes | None:
        if self.body_is_late:
            return None
        self.lifecycle.feed_body(len(self.raw))
        return self.raw

    def send(self, status: int, headers: Headers, body: bytes) -> None:
        self.start_stream(status, headers)
        self.parts = [body]

    def start_stream(self, status: int, headers: Headers) -> None:
        assert not self.has_ended.is_set()
        encode_head((1, 1), status, dict(headers), framing="", keep_alive=True)
        self.status, self.headers = status, CIMultiDict(headers)

    def write(self, data: bytes) -> None:
        assert not self.has_ended.is_set()
        self.parts += [data] if data else []

    def end_stream(self) -> None:
        assert not self.has_ended.is_set()

    def end_request(self) -> None:
        assert not self.has_ended.is_set(), "a request ends once"
        self.has_ended.set()

    def hijack(self, run: Any, headers: Headers) -> None:
        self.is_hijacked, self.headers = True, CIMultiDict(headers)

    def abort(self) -> None:
        self.is_closed = True

    def wake_by(self, due: float) -> None:
        if due < self._due and not self.has_ended.is_set():
            if self._timer is not None:
                self._timer.cancel()
            self._due = due
            self._timer = asyncio.get_running_loop().call_at(due, self._check)

    def disconnect(self) -> None:
        """Leave, as a caller does."""
        self.lifecycle.cancel()

    def _check(self) -> None:
        self._due, self._timer = inf, None
        if not self.has_ended.is_set():
            self.lifecycle.check(asyncio.get_running_loop().time())


def start_request(one: Exchange, pipeline: Pipeline | None = None, *, body_is_late: bool = False) -> FakeClient:
    """Start a request through a pipeline (that of `routing_yaml()`); its body is `one.raw`, or BODY."""
    client = FakeClient(one.raw or orjson.dumps(BODY), body_is_late)

    def on_closed(lifecycle: RequestLifecycle) -> None:
        client.attempts = list(lifecycle.exchange.attempts)

    client.lifecycle = RequestLifecycle(one, pipeline or generation().pipeline, client, on_closed)
    client.lifecycle.start()
    return client


async def run_request(one: Exchange, pipeline: Pipeline | None = None) -> FakeClient:
    """Run a request through a pipeline to its end."""
    client = start_request(one, pipeline)
    await client.has_ended.wait()
    return client


def chunk_event(content: str | None = None, finish: str | None = None, **members: Any) -> bytes:
    """Return one event of an OpenAI stream."""
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return encode(orjson.dumps({"model": "m-1", "choices": [choice], **members}))


def request(headers: dict[str, str] | None = None, path: str = "/v1/chat/completions") -> Request:
    """Return the head of a request."""
    return Request("POST", path, CIMultiDict(headers or {}))


def exchange(
    client_request: Request | None = None,
    *,
    transport: Any = None,
    log: MemoryLog | None = None,
    snap: Snapshot | None = None,
    raw: bytes = b"",
) -> Exchange:
    """Return a new exchange that starts at 100 seconds of its clock, `exchange.runtime.clock`."""
    clock = Clock()
    runtime = Runtime.create(transport or FakeTransport([]), (log or MemoryLog()).logger, clock, lambda: NOW)
    return Exchange("req-1", client_request or request(), snap or snapshot(), runtime, 100.0, endpoint="chat", raw=raw)


def planned_exchange(names: str = "abc", **options: Any) -> Exchange:
    """Return an exchange with a decision: these providers, in this order."""
    planned = exchange(**options)
    targets = {target.provider.name: target for target in planned.snapshot.models["m"]}
    planned.decision = Decision("m", "automatic", tuple(PlannedTarget(targets[name], 0.0) for name in names))
    return planned


def start_attempt(one: Exchange, planner: AttemptPlanner | None = None) -> Attempt:
    """Start an exchange's next attempt, at the first target of its plan that is not used yet."""
    planner = planner or AttemptPlanner(one, FailoverOptions())
    attempt = AttemptStarter(one, planner).start(planner.first())
    assert attempt is not None
    return attempt


def exchange_with_attempt(**options: Any) -> Exchange:
    """Return an exchange whose first attempt has won."""
    planned = planned_exchange(**options)
    planned.winning_attempt = start_attempt(planned)
    return planned


async def settle(turns: int = 20) -> None:
    """Let the event loop do all that is ready, and what follows from it in as many turns."""
    for _ in range(turns):
        await asyncio.sleep(0)
