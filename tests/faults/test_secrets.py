"""Secrets are planted wherever a file can have one, and everything that leaves the sidecar is searched for them."""

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
from proxy.exchange import Exchange, Handler
from proxy.messages import Response
from proxy.redaction import LogRedactor
from tests.collector import trace_collector
from tests.faults.catalogue import FAULTS
from tests.faults.rehearsal import MODELS, ClientResult, Rehearsal, pause, rehearsal
from tests.faults.server import FIN, RECV, Op, RecordedRequest, Script, http_chunk, http_response, reply, send
from tests.faults.test_seen import at_once
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
"""A key that is no more than a word: it is left out of errors, but an answer may contain it."""
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
    """A middleware of a user's own, with a secret of its own, which it puts into what it raises."""

    salt: str

    async def __call__(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        if exchange.request.headers.get("X-Crash"):
            raise RuntimeError(f"{self.salt} {exchange.snapshot.providers['second'].key.value!r} is wrong")  # type: ignore[union-attr]
        return await handler(exchange)


def file(dialect: str = "openai") -> str:
    return FILE.replace("WEAK", WEAK).replace("DIALECT", dialect).replace("MODEL", MODELS.get(dialect, "model-x"))


def found_in(output: str, canaries: Sequence[str] = CANARIES) -> list[str]:
    """The canaries in an output, as they are or escaped in whichever way."""
    plain = re.sub(r"\\+u00([0-7][0-9a-fA-F])", lambda code: chr(int(code[1], 16)), output).replace("\\", "")
    return [canary for canary in canaries if any(canary in form for form in (output, plain, unquote_plus(plain)))]


def check(told: ClientResult, *, error: bool = False) -> None:
    """Nothing that the caller got has a secret in it; an error has not even one that is a word."""
    for output in (told.body.decode(), repr(dict(told.headers)), json.dumps(told.events)):
        assert found_in(output, (*CANARIES, WEAK) if error else CANARIES) == []


async def check_all(running: Rehearsal) -> None:
    """Nothing that can be read of the sidecar has a secret in it."""
    data, admin = running.sidecar.url, running.sidecar.admin_url
    asked = [f"{data}/v1/providers/{name}" for name in ("health", "performance", "activity")]
    asked += [f"{data}/v1/models", f"{admin}/metrics", f"{admin}/admin/config", f"{admin}/readyz"]
    for url in asked:
        async with running.session.get(url, headers={"Authorization": f"Bearer {APP_KEY}"}) as response:
            assert (response.status, found_in(await response.text())) == (200, [])
            assert found_in(repr(response.headers)) == []
    assert found_in(running.logged()) == [] and "request_completed" in running.logged()


async def ask(running: Rehearsal, stream: bool, **headers: str) -> ClientResult:
    return await running.send_chat(stream, {"Authorization": f"Bearer {APP_KEY}", "X-Route-Explain": "true", **headers})


# What a provider may do with all that it was sent: its address, the query, each header, and what a forward proxy adds.


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
    said = echo(request)
    return {**json.loads(WIRE_FORMATS["openai"].body), "model": said, "id": said, "debug": {said: said}}


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
    **{f"a refusal, {status}": lambda form, status=status: whole(f"{status} X", error, form)
       for status in (400, 401, 403, 404, 422, 429, 500, 503)},
    "a refusal in text": lambda form: text("400 X", form),
    "a refusal in another shape": lambda form: whole("400 X", lambda got: {"detail": [{"msg": echo(got)}]}, form),
    "an error in a 200": lambda form: whole("200 OK", error, form),
    "an answer": lambda form: whole("200 OK", completion, form),
    "headers of an answer": lambda form: in_headers("200 OK", form),
    "headers of a refusal": lambda form: in_headers("400 X", form),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", WHOLE)
@virtual_time
async def test_whatever_a_provider_answers_has_no_secret_when_it_goes_on(name: str, form: str) -> None:
    script = WHOLE[name](FORMS[form])
    with patch("proxy.control.metrics.asyncio.to_thread", at_once):
        async with rehearsal(file(), [script], [script], environ=ENVIRON) as running:
            told = await ask(running, False)
            check(told, error=told.status != 200 and "headers" not in name)
            assert "[redacted]" in told.body.decode() + repr(dict(told.headers)) or running.calls[1]
            check(await ask(running, False, **{"X-Retry-On-Provider-Error": "false"}))
            await check_all(running)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("status", [200, 400, 401, 500])
@virtual_time
async def test_no_dialect_passes_on_what_a_refusal_repeats(status: int, dialect: str) -> None:
    script = whole(f"{status} X", error, json.dumps)
    async with rehearsal(file(dialect), [script], [script], environ=ENVIRON) as running:
        told = await ask(running, False)
        assert told.status >= 400
        check(told, error=True)


@virtual_time
async def test_not_even_a_part_of_a_refused_key_goes_on() -> None:
    said = json.dumps({"error": {"message": "Incorrect API key provided: sk-cana*******123=. You can find it there."}})
    script = [RECV, send(http_response(said.encode(), status="401 X", headers=CLOSING)), FIN]
    async with rehearsal(file(), [script], [script], environ=ENVIRON) as running:
        told = await ask(running, False)
        assert "provided: [redacted] You can" in told.body.decode() and "sk-cana" not in told.body.decode()


def event(request: RecordedRequest, form: Form, members: dict[str, Any]) -> bytes:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "x", **members}
    return f"data: {form(chunk)}\n\n".encode()


def delta(request: RecordedRequest) -> dict[str, Any]:
    said = echo(request)
    choice = {"index": 0, "delta": {"content": said, said: said}, "finish_reason": None}
    return {"id": said, "model": said, "choices": [choice], "debug": said}


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


def streamed(voice: WireFormat, build: Callable[[RecordedRequest], bytes], after: int, cut: int | None) -> Script:
    """So many tokens, then what is built, whole or in two parts; then the rest of the answer."""
    before = b"".join((*voice.opening, *voice.tokens[:after]))
    rest = b"".join((*voice.tokens[after:], *voice.closing, voice.done))

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
async def test_no_event_of_a_stream_has_a_secret_when_it_goes_on(
    dialect: str, name: str, form: str, after: int
) -> None:
    cuts = (None, -3, 0, 4)
    scripts = [streamed(WIRE_FORMATS["openai"], lambda got: EVENTS[name](got, FORMS[form]), after, cut) for cut in cuts]
    async with rehearsal(file(dialect), scripts, [], environ=ENVIRON) as running:
        for _ in cuts:
            told = await ask(running, True, **{"X-Retry-On-Provider-Error": "false"})
            check(told, error="error" in name)
            assert told.status == 200 or (after == 0 and "error" in name)
        assert found_in(running.logged()) == [] and running.calls == (len(cuts), 0)


@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.parametrize("form", FORMS)
@virtual_time
async def test_no_event_in_another_format_has_a_secret_when_it_goes_on(form: str, after: int) -> None:
    def build(got: RecordedRequest) -> bytes:
        said = echo(got)
        text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": said}}
        broke = {"type": "error", "error": {"type": said, "message": said}}
        return "".join(f"event: {each['type']}\ndata: {FORMS[form](each)}\n\n" for each in (text, broke)).encode()

    script = streamed(WIRE_FORMATS["anthropic"], build, after, None)
    async with rehearsal(file("anthropic"), [script], [script], environ=ENVIRON) as running:
        check(await ask(running, True))
        assert found_in(running.logged()) == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.description)
@virtual_time
async def test_no_fault_of_the_catalogue_brings_a_secret_out(fault: Any) -> None:
    stream = fault.modes[0]
    scripts = fault.scripts(WIRE_FORMATS["openai"], stream)
    with patch("proxy.control.metrics.asyncio.to_thread", at_once):
        async with rehearsal(file(), scripts, scripts, environ=ENVIRON) as running:
            check(await ask(running, stream))
            await check_all(running)


async def test_no_span_has_a_secret_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with trace_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("NO_PROXY", "*")
        for name in ("a refusal, 400", "an error in a 200", "an answer"):
            script = WHOLE[name](json.dumps)
            async with rehearsal(file(), [script], [script], environ=ENVIRON) as running:
                await ask(running, False, **{"X-Retry-On-Provider-Error": "false"})
        assert len(collector.raw) == 3
        assert [canary for canary in CANARIES for raw in collector.raw if canary.encode() in raw] == []


# The log, whatever is written to it.


def written(form: str, act: Callable[[Any], None]) -> str:
    """What `act` writes to the log of a process that serves the file."""
    redact, memory = LogRedactor(), io.BytesIO()
    redact.add_secrets(build_generation(file(), ENVIRON).snapshot.secrets)
    stream = io.TextIOWrapper(memory, write_through=True)
    act(build_logger(form, stream, redact))
    stream.detach()
    return memory.getvalue().decode()


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("canary", CANARIES)
def test_no_line_of_the_log_has_a_secret_not_even_in_a_traceback(canary: str, form: str) -> None:
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
