"""A collector receives each request as a span with its attempts as children, and no message text."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import aiohttp
import openai
import pytest
from aiohttp.test_utils import RawTestServer, unused_port

from proxy.attempts import outcomes
from proxy.attempts.events import Discarded
from proxy.resilience.breaker import BreakerSettings
from proxy.sandbox.scenario import Fault
from proxy.tracing import otel
from tests.collector import CLIENT, ERROR, SERVER, Collector, trace_collector
from tests.fakes import (
    CALLER_KEY,
    PROMPT,
    PROVIDER_KEY,
    RESPONSE_BODY,
    MemoryLog,
    planned_exchange,
    request,
    start_attempt,
)
from tests.faults.rehearsal import rehearsal
from tests.faults.rehearsal import routing_yaml as single_provider
from tests.faults.server import FIN, RECV, http_response, reply
from tests.faults.wire_formats import CLOSING
from tests.running import TWO_PROVIDERS, CapturedLog, RunningSidecar, run_sidecar
from tests.six_providers import PROVIDERS, six_providers

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{CALLER}-01"
CHAIN = {"X-Provider-Fallbacks": "first,second"}
ASK = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}
KEYED = f" {{auth: {{keys: [{{name: app, value: {CALLER_KEY}}}]}}}},"
FILE = TWO_PROVIDERS.replace(" auth,", KEYED).replace("weight: 1", f"weight: 1, api_key: {PROVIDER_KEY}")
HEDGING = FILE.replace("failover,", "failover: {hedge: {after: 10ms}},")


@pytest.fixture
async def collector(monkeypatch) -> AsyncIterator[Collector]:
    async with trace_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("NO_PROXY", "*")
        yield collector
        assert not [
            word for word in (PROMPT, CALLER_KEY, PROVIDER_KEY) for raw in collector.raw if word.encode() in raw
        ]


def client(started: RunningSidecar) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{started.url}/v1", api_key=CALLER_KEY, max_retries=0)


async def ask(started: RunningSidecar, stream: bool = False, **headers: str) -> None:
    """Send one request with the official SDK and read the response to its end."""
    async with client(started) as sdk:
        answer = await sdk.chat.completions.create(**ASK, stream=stream, extra_headers={**CHAIN, **headers})
        if stream:
            async for _ in answer:
                pass


async def run_traced(*faults: Fault, stream: bool = False, file: str = FILE, **headers: str) -> RunningSidecar:
    """Run a sidecar for one request, with faults of the providers first and second."""
    async with run_sidecar(file) as started:
        for name, fault in zip(("first", "second"), faults, strict=False):
            await started.sandbox.set_fault(name, fault)
        await ask(started, stream, **headers)
    return started


async def test_a_request_is_a_span_with_model_provider_and_tokens(collector):
    started = await run_traced(traceparent=PARENT)
    [request], [attempt] = collector.requests, collector.attempts
    assert collector.paths == ["/v1/traces"]
    assert collector.resource["service.name"] == "parrot-sidecar"
    assert (request.trace, request.parent, request.name, request.kind) == (TRACE, CALLER, "chat m", SERVER)
    assert (attempt.trace, attempt.parent, attempt.name, attempt.kind) == (TRACE, request.id, "chat m-one", CLIENT)
    assert request.attributes.items() >= {
        "http.request.method": "POST", "url.path": "/v1/chat/completions", "http.response.status_code": 200,
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m",
        "gen_ai.response.model": "m-one", "gen_ai.response.finish_reasons": ["stop"],
        "parrot.key": "app", "parrot.provider": "first", "parrot.region": "global", "parrot.attempts": 1,
        "parrot.outcome": "ok", "parrot.request_id": started.log.lines[-1]["request_id"],
    }.items()  # fmt: skip
    assert "gen_ai.usage.input_tokens" not in request.attributes, "a sum would count them twice"
    assert attempt.attributes.items() >= {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m-one",
        "gen_ai.response.model": "m-one", "server.address": "127.0.0.1", "http.response.status_code": 200,
        "gen_ai.usage.output_tokens": started.log.lines[-1]["completion_tokens"], "parrot.attempt": 1,
    }.items()  # fmt: skip
    assert attempt.attributes["server.port"] == int(started.sandbox.url("first").rpartition(":")[2])
    assert "error.type" not in {**request.attributes, **attempt.attributes} and request.status == attempt.status == 0
    assert 0 < attempt.seconds <= request.seconds


async def test_a_streams_span_lasts_to_the_last_byte_and_has_the_time_to_first_content(collector):
    started = await run_traced(stream=True)
    [request], [attempt] = collector.requests, collector.attempts
    assert request.parent == "" and attempt.parent == request.id and attempt.trace == request.trace
    for span in (request, attempt):
        assert span.attributes["gen_ai.request.stream"] is True
        assert 0 < span.attributes["gen_ai.response.time_to_first_chunk"] < span.seconds
    assert attempt.attributes["gen_ai.usage.input_tokens"] == started.log.lines[-1]["prompt_tokens"]


async def test_the_provider_receives_the_attempts_traceparent(collector):
    started = await run_traced(Fault("status", status=429), traceparent=PARENT, tracestate="vendor=1")
    for name, attempt in zip(("first", "second"), collector.attempts, strict=True):
        [call] = started.sandbox.requests(name)
        assert call.headers["traceparent"] == f"00-{TRACE}-{attempt.id}-01"
        assert call.headers["tracestate"] == "vendor=1"


@pytest.mark.parametrize(
    "sent",
    [[PARENT.upper()], [PARENT, PARENT], [f"ff{PARENT[2:]}"], []],
    ids=["upper case", "two", "version ff", "none"],
)
async def test_an_invalid_traceparent_begins_a_new_trace_without_tracestate(collector, sent):
    async with run_sidecar(FILE) as started, aiohttp.ClientSession() as http:
        headers = [*(("traceparent", each) for each in sent), ("tracestate", "vendor=1"), ("x-api-key", CALLER_KEY)]
        async with http.post(f"{started.url}/v1/chat/completions", json=ASK, headers=headers) as answer:
            assert answer.status == 200
        [call] = [*started.sandbox.requests("first"), *started.sandbox.requests("second")]
    [request], [attempt] = collector.requests, collector.attempts
    assert request.parent == "" and request.trace != TRACE
    assert call.headers["traceparent"].startswith(f"00-{request.trace}-{attempt.id}-")
    assert "tracestate" not in call.headers


async def test_a_failover_is_two_attempts_and_the_first_is_an_error(collector):
    await run_traced(Fault("status", status=429))
    [request], [first, second] = collector.requests, collector.attempts
    assert {first.parent, second.parent} == {request.id}
    assert (first.attributes["error.type"], first.attributes["http.response.status_code"], first.status) == (
        "rate_limit",
        429,
        ERROR,
    )
    assert (first.attributes["parrot.provider"], second.attributes["parrot.provider"]) == ("first", "second")
    assert "error.type" not in {**second.attributes, **request.attributes} and second.status == request.status == 0
    assert request.attributes["parrot.attempts"] == second.attributes["parrot.attempt"] == 2


async def test_if_all_attempts_fail_the_request_is_an_error(collector):
    with pytest.raises(openai.InternalServerError):
        await run_traced(Fault("status", status=503), Fault("status", status=503))
    [request] = collector.requests
    assert (request.status, request.attributes["http.response.status_code"]) == (ERROR, 503)
    assert request.attributes["error.type"] == request.attributes["parrot.outcome"] == "server_is_overloaded"
    assert len(collector.attempts) == request.attributes["parrot.attempts"]


async def test_a_client_error_has_its_type_and_no_error_status(collector):
    async with run_sidecar(FILE) as started, client(started) as sdk:
        with pytest.raises(openai.NotFoundError):
            await sdk.chat.completions.create(model="unknown", messages=ASK["messages"])
    [request] = collector.spans
    assert (request.status, request.attributes["error.type"]) == (0, "model_not_found")


async def test_a_client_that_disconnects_is_not_an_error(collector):
    async with run_sidecar(FILE) as started:
        await started.hold_streams()
        async with client(started) as sdk:
            answer = await sdk.chat.completions.create(**ASK, stream=True, extra_headers=CHAIN)
            await anext(aiter(answer))
            await answer.close()
        await started.sidecar.handler.wait_idle()
    [request], [attempt] = collector.requests, collector.attempts
    assert (request.attributes["parrot.outcome"], attempt.attributes["parrot.outcome"]) == (
        "client_disconnected",
        "cancelled",
    )
    assert request.status == attempt.status == 0 and "error.type" not in {**request.attributes, **attempt.attributes}


async def test_a_hedge_is_a_child_of_the_request(collector):
    await run_traced(Fault("stall"), stream=True, file=HEDGING)
    [request], [first, second] = collector.requests, collector.attempts
    assert first.parent == second.parent == request.id
    assert (first.attributes["parrot.outcome"], second.attributes["parrot.outcome"]) == ("hedge_lost", "ok")
    assert "parrot.hedge" not in first.attributes and second.attributes["parrot.hedge"] is True
    assert "error.type" not in first.attributes


async def test_a_resumed_stream_is_marked_and_a_failed_one_is_an_error(collector):
    with pytest.raises(openai.APIError, match="another target's is not the same"):
        await run_traced(Fault("cut", after=4), stream=True)
    [request], [first, second] = collector.requests, collector.attempts
    assert first.parent == second.parent == request.id
    assert (first.attributes["error.type"], first.attributes["http.response.status_code"]) == (
        "upstream_disconnected",
        200,
    )
    assert "parrot.resume" not in first.attributes and second.attributes["parrot.resume"] is True
    assert (request.attributes["http.response.status_code"], request.status) == (200, ERROR)
    assert request.attributes["error.type"] == request.attributes["parrot.outcome"] == "upstream_disconnected"


async def test_a_discarded_attempt_has_no_span(collector):
    tracing = otel.start(MemoryLog().logger)
    made = planned_exchange()
    tracing.request_middleware.before(made)
    attempt = start_attempt(made)
    tracing.attempt_middleware.before(attempt)
    outcomes.apply(attempt, Discarded(), BreakerSettings())
    tracing.request_middleware.closed(made)
    await tracing.close()
    assert [span.kind for span in collector.spans] == [SERVER] and not tracing._open


async def test_an_unsampled_trace_is_not_exported_and_its_headers_pass_unchanged(collector):
    unsampled = f"00-{TRACE}-{CALLER}-00"
    started = await run_traced(traceparent=unsampled)
    assert collector.raw == []
    assert started.sandbox.requests("first")[0].headers["traceparent"] == unsampled


async def test_the_standard_variables_set_resource_and_sampler(collector, monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    async with run_sidecar(FILE) as started:
        await ask(started)
        await ask(started, traceparent=PARENT)
    assert [span.parent for span in collector.requests] == [CALLER]
    named = {"service.name": "shop", "deployment.environment.name": "test"}
    assert collector.resource.items() >= named.items()


async def test_provider_reports_have_no_span_and_other_requests_do(collector):
    async with run_sidecar() as started, aiohttp.ClientSession() as http:
        for path in ("/v1/providers/health", "/v1/models?key=secret"):
            async with http.get(started.url + path) as answer:
                assert answer.status == 200
    [request] = collector.spans
    assert (request.name, request.attributes["url.path"]) == ("GET", "/v1/models")


async def test_a_models_name_that_is_not_unicode_is_escaped(collector):
    def script(got):
        body = RESPONSE_BODY.replace(b'"m-1"', b'"x\\ud800\\u001b[2J"')
        return http_response(body, headers=f"{CLOSING}Content-Type: application/json\r\n")

    async with rehearsal(single_provider(alone=True), [[RECV, reply(script), FIN]]) as running:
        assert (await running.send_chat(stream=False)).status == 200
    assert [span.attributes["gen_ai.response.model"] for span in collector.attempts] == ["x\\ud800\\x1b[2J"]


async def test_tracing_survives_a_reload(collector):
    async with run_sidecar(FILE) as started:
        await started.edit("second: m-two", "second: m-three")
        await ask(started)
    assert len(collector.requests) == len(collector.attempts) == 1


@pytest.mark.parametrize("name", PROVIDERS)
async def test_every_dialect_sends_the_attempts_traceparent(collector, name):
    async with run_sidecar(six_providers()) as started, started.client() as sdk:
        headers = {"X-Provider": name, "traceparent": PARENT}
        await sdk.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "Hi"}], extra_headers=headers
        )
    [attempt] = collector.attempts
    assert started.sandbox.requests(name)[0].headers["traceparent"] == f"00-{TRACE}-{attempt.id}-01"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", PROVIDERS)
async def test_without_a_collector_the_clients_traceparent_reaches_every_dialect(name, stream):
    async with run_sidecar(six_providers()) as started, aiohttp.ClientSession() as http:
        headers = {"X-Provider": name, "traceparent": PARENT, "tracestate": "vendor=1,other=2"}
        body = {**ASK, "stream": stream}
        async with http.post(f"{started.url}/v1/chat/completions", json=body, headers=headers) as answer:
            assert answer.status == 200 and await answer.read()
        [call] = started.sandbox.requests(name)
        assert (call.headers["traceparent"], call.headers["tracestate"]) == (PARENT, "vendor=1,other=2")


async def test_an_unreachable_collector_is_logged_and_requests_are_served(collector, monkeypatch):
    monkeypatch.setattr(otel, "FLUSH_TIMEOUT_S", 0.2)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{unused_port()}/secret-path")
    started = await run_traced(traceparent=PARENT)
    failures = [line for line in started.log.lines if line["event"] == "trace_export_failed"]
    assert "ConnectionError" in failures[0]["reason"] and "secret-path" not in str(started.log.lines)
    assert collector.raw == []


async def test_a_silent_collector_does_not_block_shutdown(monkeypatch):
    over = asyncio.Event()

    async def silent(_):
        await over.wait()

    monkeypatch.setattr(otel, "FLUSH_TIMEOUT_S", 0.2)
    monkeypatch.setenv("NO_PROXY", "*")
    async with RawTestServer(silent) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", str(server.make_url("/v1/traces")))
        async with asyncio.timeout(5):
            await run_traced()
        over.set()


async def test_an_invalid_sdk_variable_is_an_error_at_start(monkeypatch):
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1")
    before = list(logging.getLogger("opentelemetry").handlers)
    with pytest.raises(ValueError, match="max_export_batch_size"):
        otel.start(MemoryLog().logger)
    assert logging.getLogger("opentelemetry").handlers == before


@pytest.mark.parametrize(
    ("name", "template", "values", "reason"),
    [
        (
            "opentelemetry.exporter.x",
            "Failed %s, reason: %s",
            (503, OSError("http://key@host")),
            "Failed 503, reason: OSError",
        ),
        ("opentelemetry.util.re", "bad header: %s", ("key=secret",), "bad header: %s"),
        ("opentelemetry.sdk.trace", "Queue full", (), "Queue full"),
    ],
)
def test_sdk_messages_are_logged_once_a_minute_without_secrets(name, template, values, reason):
    log = CapturedLog()
    handler = otel.SdkLogHandler(log.logger())
    for moment in (1000.0, 1059.0, 1061.0):
        record = logging.LogRecord(name, logging.WARNING, "", 1, template, values, None)
        record.created = moment
        handler.handle(record)
    handler.close()
    assert [line["reason"] for line in log.lines] == [reason, reason]


async def test_the_attempts_of_an_untraced_request_have_no_span(collector):
    tracing = otel.start(MemoryLog().logger)
    made = planned_exchange(client_request=request(path="/v1/providers/health"))
    attempt = start_attempt(made)
    before = attempt.provider_request
    tracing.request_middleware.before(made)
    tracing.attempt_middleware.before(attempt)
    assert attempt.provider_request is before
    tracing.request_middleware.closed(made)
    await tracing.close()
    assert collector.raw == []
