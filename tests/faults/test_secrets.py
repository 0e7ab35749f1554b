"""No output of the sidecar contains a secret, wherever the configuration has one and whatever a provider echoes."""

from __future__ import annotations

import io
import json
import logging
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote_plus

import pytest

from proxy.cli.logs import LibraryLog, build_logger
from proxy.dialects import DIALECTS
from proxy.exchange import Exchange
from proxy.messages import Response
from proxy.redaction import LogRedactor
from tests.collector import trace_collector
from tests.faults.catalogue import FAULTS
from tests.faults.rehearsal import MODELS, ClientResult, Rehearsal, pause, rehearsal
from tests.faults.server import FIN, RECV, Op, RecordedRequest, Script, http_chunk, http_response, reply, send
from tests.faults.test_visibility import run_inline
from tests.faults.wire_formats import CLOSING, WIRE_FORMATS, WireFormat, stream_head
from tests.running import build_generation
from tests.virtual_time import virtual_time

APP_KEY = "app-canary-0123456"
ENVIRON = {
    "FIRST_KEY": "sk-canary/first+0123=",
    "APP_KEY": APP_KEY,
    "TENANT": "tenant-canary-0123",
    "GATEWAY": "gateway-canary-0123",
    "SALT": "salt-canary-0123",
    "HTTPS_PROXY": "http://user:proxy-canary-0123@proxy.test:3128",
}
PROXY_LOGIN = b64encode(b"user:proxy-canary-0123").decode()
WEAK = "weakcanary"
"""A key that is a plain word. It is redacted in errors, but an answer may contain it."""
CANARIES = (
    "sk-canary/first+0123=", APP_KEY, "tenant-canary-0123", "gateway-canary-0123", "salt-canary-0123",
    "proxy-canary-0123", PROXY_LOGIN, "second-canary-0123", "header-canary-0123", "query-canary-0123",
    "admin-canary-0123",
)  # fmt: skip
FILE = """
pipeline:
  - access_log
  - auth: {keys: [{name: app, value: "${APP_KEY}"}]}
  - "tests.faults.test_secrets:Salted": {salt: "${SALT}"}
  - header_policy
  - limits
  - strategy
  - sse_passthrough
  - failover: {resume: off}
  - translate
admin: {key: admin-canary-0123}
providers:
  first:
    dialect: DIALECT
    base_url: "http://first/${GATEWAY}"
    api_key: "${FIRST_KEY}"
    headers: {X-Portkey-Api-Key: header-canary-0123, X-Tenant: "${TENANT}", X-Token: WEAK}
    query: {code: query-canary-0123}
  second: {dialect: DIALECT, base_url: "http://second", api_key: second-canary-0123}
models:
  m:
    first: {model: MODEL, price: {input: 1, output: 10}, context_window: 8000}
    second: {model: MODEL, price: {input: 2, output: 20}, context_window: 32000}
"""


@dataclass(frozen=True, slots=True)
class Salted:
    """A custom middleware that has a secret option and puts it into an exception."""

    salt: str

    def before(self, exchange: Exchange) -> None:
        self._crash(exchange, "before")

    def after(self, exchange: Exchange, response: Response) -> None:
        self._crash(exchange, "after")

    def closed(self, exchange: Exchange) -> None:
        self._crash(exchange, "closed")

    def _crash(self, exchange: Exchange, phase: str) -> None:
        if exchange.request.headers.get("X-Crash") == phase:
            raise RuntimeError(f"{self.salt} {exchange.snapshot.providers['second'].key.value!r} is wrong")  # type: ignore[union-attr]


def file(dialect: str = "openai") -> str:
    return FILE.replace("WEAK", WEAK).replace("DIALECT", dialect).replace("MODEL", MODELS.get(dialect, "model-x"))


def found_in(output: str, canaries: Sequence[str] = CANARIES) -> list[str]:
    """Return the canaries in an output, in plain or escaped form."""
    plain = re.sub(r"\\+u00([0-7][0-9a-fA-F])", lambda code: chr(int(code[1], 16)), output).replace("\\", "")
    return [canary for canary in canaries if any(canary in form for form in (output, plain, unquote_plus(plain)))]


def check(result: ClientResult, *, error: bool = False) -> None:
    """Assert that the client received no secret; an error must not contain the weak one either."""
    for output in (result.body.decode(), repr(dict(result.headers)), json.dumps(result.events)):
        assert found_in(output, (*CANARIES, WEAK) if error else CANARIES) == []


async def check_all(running: Rehearsal) -> None:
    """Assert that no endpoint and no log line contains a secret."""
    data, admin = running.sidecar.url, running.sidecar.admin_url
    urls = [f"{data}/v1/providers/{name}" for name in ("health", "performance", "activity")]
    urls += [f"{data}/v1/models", f"{admin}/metrics", f"{admin}/admin/config", f"{admin}/readyz"]
    for url in urls:
        async with running.session.get(url, headers={"Authorization": f"Bearer {APP_KEY}"}) as response:
            assert (response.status, found_in(await response.text())) == (200, [])
            assert found_in(repr(response.headers)) == []
    assert found_in(running.logged()) == [] and "request_completed" in running.logged()


async def ask(running: Rehearsal, stream: bool, **headers: str) -> ClientResult:
    return await running.send_chat(stream, {"Authorization": f"Bearer {APP_KEY}", "X-Route-Explain": "true", **headers})


# What a provider may echo: the request line, each header, and the headers that a forward proxy adds.


def echo(request: RecordedRequest) -> str:
    sent = "; ".join(f"{name}: {value}" for name, value in request.headers.items())
    return f"I was sent {request.line}; {sent}; proxy-authorization: Basic {PROXY_LOGIN}, proxy-canary-0123"


FORMS: dict[str, Callable[[Any], str]] = {
    "plain": json.dumps,
    "escaped slashes": lambda value: json.dumps(value).replace("/", "\\/"),
    "escaped all over": lambda value: re.sub(
        r"[a-z0-9/+=-](?=[^\"]*canary|[^\"]*\d{3})", lambda char: f"\\u{ord(char[0]):04x}", json.dumps(value)
    ),
}
Form = Callable[[Any], str]


def error(request: RecordedRequest) -> dict[str, Any]:
    return {"error": {"message": echo(request), "type": echo(request), "code": echo(request), "param": echo(request)}}


def completion(request: RecordedRequest) -> dict[str, Any]:
    echoed = echo(request)
    return {**json.loads(WIRE_FORMATS["openai"].body), "model": echoed, "id": echoed, "debug": {echoed: echoed}}


def whole(status: str, build: Callable[[RecordedRequest], Any], form: Form) -> Script:
    headers = f"{CLOSING}Content-Type: application/json\r\n"
    return [RECV, reply(lambda got: http_response(form(build(got)).encode(), status=status, headers=headers)), FIN]


def text(status: str, form: Form) -> Script:
    return [RECV, reply(lambda got: http_response(form(echo(got)).encode(), status=status, headers=CLOSING)), FIN]


def in_headers(status: str, form: Form) -> Script:
    def build(got: RecordedRequest) -> bytes:
        names = ("x-request-id", "x-ratelimit-remaining-requests", "retry-after", "cf-ray", "location")
        lines = "".join(f"{name}: {echo(got)}\r\n" for name in names)
        return http_response(WIRE_FORMATS["openai"].body, status=status, headers=CLOSING + lines)

    return [RECV, reply(build), FIN]


WHOLE: dict[str, Callable[[Form], Script]] = {
    **{f"an error, {status}": lambda form, status=status: whole(f"{status} X", error, form)
       for status in (400, 401, 403, 404, 422, 429, 500, 503)},
    "an error as plain text": lambda form: text("400 X", form),
    "an error in another format": lambda form: whole("400 X", lambda got: {"detail": [{"msg": echo(got)}]}, form),
    "an error in a 200": lambda form: whole("200 OK", error, form),
    "an answer": lambda form: whole("200 OK", completion, form),
    "headers of an answer": lambda form: in_headers("200 OK", form),
    "headers of an error": lambda form: in_headers("400 X", form),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", WHOLE)
@virtual_time
async def test_responses_are_redacted(name: str, form: str) -> None:
    script = WHOLE[name](FORMS[form])
    with patch("proxy.control.metrics.asyncio.to_thread", run_inline):
        async with rehearsal(file(), [script], [script], environ=ENVIRON) as running:
            result = await ask(running, False)
            check(result, error=result.status != 200 and "headers" not in name)
            assert "[redacted]" in result.body.decode() + repr(dict(result.headers)) or running.calls[1]
            check(await ask(running, False, **{"X-Retry-On-Provider-Error": "false"}))
            await check_all(running)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("status", [200, 400, 401, 500])
@virtual_time
async def test_errors_are_redacted_in_every_dialect(status: int, dialect: str) -> None:
    script = whole(f"{status} X", error, json.dumps)
    async with rehearsal(file(dialect), [script], [script], environ=ENVIRON) as running:
        result = await ask(running, False)
        assert result.status >= 400
        check(result, error=True)


@virtual_time
async def test_a_partly_masked_key_is_redacted() -> None:
    echoed = json.dumps(
        {"error": {"message": "Incorrect API key provided: sk-cana*******123=. You can find it there."}}
    )
    script = [RECV, send(http_response(echoed.encode(), status="401 X", headers=CLOSING)), FIN]
    async with rehearsal(file(), [script], [script], environ=ENVIRON) as running:
        result = await ask(running, False)
        assert "provided: [redacted] You can" in result.body.decode() and "sk-cana" not in result.body.decode()


def event(request: RecordedRequest, form: Form, members: dict[str, Any]) -> bytes:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "x", **members}
    return f"data: {form(chunk)}\n\n".encode()


def delta(request: RecordedRequest) -> dict[str, Any]:
    echoed = echo(request)
    choice = {"index": 0, "delta": {"content": echoed, echoed: echoed}, "finish_reason": None}
    return {"id": echoed, "model": echoed, "choices": [choice], "debug": echoed}


EVENTS: dict[str, Callable[[RecordedRequest, Form], bytes]] = {
    "an error event": lambda got, form: event(got, form, error(got)),
    "an error that is text": lambda got, form: event(got, form, {"error": echo(got)}),
    "an error in a choice": lambda got, form: event(got, form, {"choices": [error(got)]}),
    "content": lambda got, form: event(got, form, delta(got)),
    "a comment": lambda got, form: f": {echo(got)}\n\n".encode(),
    "a field": lambda got, form: (
        f"id: {echo(got)}\nevent: {echo(got)}\ndata: {{\ndata: {form(delta(got))[1:]}\n\n".encode()
    ),
    "an end without a blank line": lambda got, form: event(got, form, delta(got))[:-2],
}


def streamed(wire_format: WireFormat, build: Callable[[RecordedRequest], bytes], after: int, cut: int | None) -> Script:
    """Return a script: `after` tokens, then the built bytes (in two parts with `cut`), then the rest of the answer."""
    before = b"".join((*wire_format.opening, *wire_format.tokens[:after]))
    rest = b"".join((*wire_format.tokens[after:], *wire_format.closing, wire_format.done))

    def parts(got: RecordedRequest) -> tuple[bytes, bytes]:
        data = build(got)
        at = len(data) if cut is None else data.find(b"canary") + cut
        return data[:at], data[at:] + rest

    def second(got: RecordedRequest) -> bytes:
        return http_chunk(parts(got)[1]) + http_chunk(b"")

    ops: list[Op] = [RECV, send(stream_head()), *([send(http_chunk(before))] if before else [])]
    return [*ops, reply(lambda got: http_chunk(parts(got)[0])), pause(0.1), reply(second), FIN]


@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("dialect", ["openai", "meta"])
@virtual_time
async def test_events_of_a_stream_are_redacted(dialect: str, name: str, form: str, after: int) -> None:
    cuts = (None, -3, 0, 4)
    scripts = [streamed(WIRE_FORMATS["openai"], lambda got: EVENTS[name](got, FORMS[form]), after, cut) for cut in cuts]
    async with rehearsal(file(dialect), scripts, [], environ=ENVIRON) as running:
        for _ in cuts:
            result = await ask(running, True, **{"X-Retry-On-Provider-Error": "false"})
            check(result, error="error" in name)
            assert result.status == 200 or (after == 0 and "error" in name)
        assert found_in(running.logged()) == [] and running.calls == (len(cuts), 0)


@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.parametrize("form", FORMS)
@virtual_time
async def test_translated_events_are_redacted(form: str, after: int) -> None:
    def build(got: RecordedRequest) -> bytes:
        echoed = echo(got)
        text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": echoed}}
        error_event = {"type": "error", "error": {"type": echoed, "message": echoed}}
        return "".join(f"event: {each['type']}\ndata: {FORMS[form](each)}\n\n" for each in (text, error_event)).encode()

    script = streamed(WIRE_FORMATS["anthropic"], build, after, None)
    async with rehearsal(file("anthropic"), [script], [script], environ=ENVIRON) as running:
        check(await ask(running, True))
        assert found_in(running.logged()) == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.description)
@virtual_time
async def test_no_fault_of_the_catalogue_leaks_a_secret(fault: Any) -> None:
    stream = fault.modes[0]
    scripts = fault.scripts(WIRE_FORMATS["openai"], stream)
    with patch("proxy.control.metrics.asyncio.to_thread", run_inline):
        async with rehearsal(file(), scripts, scripts, environ=ENVIRON) as running:
            check(await ask(running, stream))
            await check_all(running)


async def test_spans_contain_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    async with trace_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("NO_PROXY", "*")
        for name in ("an error, 400", "an error in a 200", "an answer"):
            script = WHOLE[name](json.dumps)
            async with rehearsal(file(), [script], [script], environ=ENVIRON) as running:
                await ask(running, False, **{"X-Retry-On-Provider-Error": "false"})
        assert len(collector.raw) == 3
        assert [canary for canary in CANARIES for raw in collector.raw if canary.encode() in raw] == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("phase", "status"), [("before", 500), ("after", 500), ("closed", 200)])
@virtual_time
async def test_an_exception_in_a_middleware_leaks_no_secret(phase: str, status: int, stream: bool) -> None:
    script = WIRE_FORMATS["openai"].response_script(stream)
    async with rehearsal(file(), [script], [script], environ=ENVIRON) as running:
        result = await ask(running, stream, **{"X-Crash": phase})
        assert result.status == status and "request_unhandled_error" in running.logged()
        check(result, error=status == 500)


# The log


def written(form: str, act: Callable[[Any], None]) -> str:
    """Return what `act` writes to the log of a process with this configuration."""
    redact, memory = LogRedactor(), io.BytesIO()
    redact.add_secrets(build_generation(file(), ENVIRON).snapshot.secrets)
    stream = io.TextIOWrapper(memory, write_through=True)
    act(build_logger(form, stream, redact))
    stream.detach()
    return memory.getvalue().decode()


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("canary", CANARIES)
def test_log_lines_and_tracebacks_are_redacted(canary: str, form: str) -> None:
    def act(log: Any) -> None:
        log.info("request_completed", model=canary, attempts=[f"a: {canary}"])
        try:
            raise ValueError(f"bad key {canary!r}")
        except ValueError as failure:
            log.exception("request_unhandled_error")
            log.error("config_watcher_failed", exc_info=failure)
            library = LibraryLog(log)
            library.handle(library_record(failure))
            library.close()

    lines = written(form, act)
    assert "ValueError: bad key '[redacted]'" in lines and "library_message" in lines
    assert found_in(lines) == []


def library_record(failure: Exception) -> Any:
    info = (type(failure), failure, failure.__traceback__)
    return logging.LogRecord("asyncio", logging.ERROR, "", 0, "it failed: %s", (failure,), info)
