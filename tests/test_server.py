"""The data listener over real sockets: invalid requests, connections, and clients that disconnect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from proxy.control import LOCAL_ENDPOINTS, stream
from proxy.downstream.admin_connection import MAX_ADMIN_CONNECTIONS
from proxy.errors import InvalidRequestError
from proxy.server import KEEP_ALIVE_S, build_listener
from tests.running import HELLO, TWO_PROVIDERS, RunningSidecar, run_sidecar
from tests.silent_provider import SilentProvider, point_at

ASK = {"model": "m", "messages": HELLO}


async def exchange_bytes(url: str, sent: bytes, until_close: bool = True) -> bytes:
    """Send bytes on a new connection; return what comes back."""
    reader, writer = await asyncio.open_connection(*url.removeprefix("http://").rsplit(":", 1))
    writer.write(sent)
    got = await (reader.read() if until_close else reader.readuntil(b"\r\n\r\n"))
    writer.close()
    return got


def post(body: bytes, *more: str) -> bytes:
    head = ["POST /v1/chat/completions HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *more]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def ended(started: RunningSidecar) -> None:
    """Wait until the sidecar has written its log line, which is later than the last byte."""
    await started.sidecar.handler.wait_idle()


BAD = [
    (b"{", {}, 400, "invalid_json", None),
    (b"[]", {}, 400, "invalid_type", None),
    (b"\xff\xfe", {}, 400, "invalid_json", None),
    (b'{"a":' * 2000, {}, 400, "invalid_json", None),
    ({"messages": HELLO}, {}, 400, "missing_required_parameter", "model"),
    ({**ASK, "model": 7}, {}, 400, "invalid_type", "model"),
    ({**ASK, "messages": []}, {}, 400, "missing_required_parameter", "messages"),
    ({**ASK, "messages": "hello"}, {}, 400, "invalid_type", "messages"),
    ({**ASK, "messages": ["hello"]}, {}, 400, "invalid_type", "messages[0]"),
    ({**ASK, "messages": [{"content": "x"}]}, {}, 400, "invalid_type", "messages[0].role"),
    ({**ASK, "stream": "yes"}, {}, 400, "invalid_type", "stream"),
    ({**ASK, "stream_options": 1}, {}, 400, "invalid_type", "stream_options"),
    ({**ASK, "model": "mm"}, {}, 404, "model_not_found", "model"),
    ({**ASK, "model": "../x"}, {}, 404, "model_not_found", "model"),
    (ASK, {"X-Provider": "frist"}, 400, "invalid_header", "X-Provider"),
    (ASK, {"X-Routing-Strategy": "cheap"}, 400, "invalid_header", "X-Routing-Strategy"),
    (ASK, {"X-Data-Residency": "Mars"}, 400, "invalid_header", "X-Data-Residency"),
    ({**ASK, "routing": {"providr": "first"}}, {}, 400, "invalid_header", "routing.providr"),
    (ASK, {"Content-Encoding": "gzip"}, 415, "unsupported_content_encoding", None),
]


@pytest.mark.parametrize(("body", "headers", "status", "code", "param"), BAD)
async def test_an_invalid_request_is_an_openai_error_that_names_the_mistake(
    two_providers: RunningSidecar,
    http: aiohttp.ClientSession,
    body: Any,
    headers: dict[str, str],
    status: int,
    code: str,
    param: str,
) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with http.post(
        f"{two_providers.url}/v1/chat/completions", data=data, headers=headers, auto_decompress=False
    ) as answer:
        error = (await answer.json())["error"]
    assert (answer.status, error["code"], error["param"]) == (status, code, param)
    assert error["message"] and error["type"] == "invalid_request_error"
    assert answer.headers["X-Request-Id"] and answer.headers["X-Provider-Attempts"] == "0"
    await ended(two_providers)
    assert two_providers.log.lines[-1]["outcome"] == code and two_providers.log.lines[-1]["status"] == status
    assert two_providers.sandbox.requests("first") == two_providers.sandbox.requests("second") == []


async def test_the_error_of_an_unknown_model_has_similar_names(
    two_providers: RunningSidecar, http: aiohttp.ClientSession
) -> None:
    async with http.post(f"{two_providers.url}/v1/chat/completions", json={**ASK, "model": "mm"}) as answer:
        assert (await answer.json())["error"]["message"] == "no model 'mm' in the routing table; did you mean 'm'?"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("POST", "/v1/chat", 404, "not_found"),
        ("PUT", "/", 405, "method_not_allowed"),
        ("OPTIONS", "/v1/chat/completions", 405, "method_not_allowed"),
    ],
)
async def test_other_paths_and_methods_are_errors_of_the_same_shape(
    two_providers: RunningSidecar, http: aiohttp.ClientSession, method: str, path: str, status: int, code: str
) -> None:
    async with http.request(method, two_providers.url + path) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    "path",
    [
        path
        for path, each in LOCAL_ENDPOINTS.items()
        if each.method == "GET" and path not in (stream.PATH, "/v1/responses/")
    ],
)
async def test_head_is_answered_as_get_without_its_body(
    two_providers: RunningSidecar, http: aiohttp.ClientSession, path: str
) -> None:
    found = []
    for method in ("GET", "HEAD"):
        async with http.request(
            method, two_providers.url + (path if path != "/v1/models/" else "/v1/models/m")
        ) as answer:
            found.append((answer.status, answer.content_type, answer.headers["Content-Length"], await answer.read()))
    got, head = found
    assert head == (*got[:3], b"") and got[0] == 200 and len(got[3]) == int(got[2]) > 0


@pytest.mark.parametrize("framing", ["Content-Length", "Transfer-Encoding"])
async def test_a_body_over_the_limit_is_refused_before_it_is_held(framing: str) -> None:
    text = TWO_PROVIDERS.replace("limits,", "{limits: {max_body: 1KiB}},")
    async with run_sidecar(text) as started, aiohttp.ClientSession() as http:
        data: Any = b"x" * 2000 if framing == "Content-Length" else _parts(b"x" * 500, 4)
        async with http.post(f"{started.url}/v1/chat/completions", data=data) as answer:
            assert answer.status == 413
            assert (await answer.json())["error"]["code"] == "request_too_large"


async def test_uploads_that_do_not_end_keep_no_other_request_out() -> None:
    text = TWO_PROVIDERS.replace("limits,", "{limits: {max_inflight: 2}},")
    body = json.dumps(ASK).encode()
    async with run_sidecar(text) as started, aiohttp.ClientSession() as http:
        address = started.url.removeprefix("http://").rsplit(":", 1)
        writers = [(await asyncio.open_connection(*address))[1] for _ in range(50)]
        for writer in writers:
            writer.write(post(body)[:-1])
        async with asyncio.timeout(10):
            while started.sidecar.handler.active < len(writers):
                await asyncio.sleep(0)
        for _ in range(3):
            async with http.post(f"{started.url}/v1/chat/completions", json=ASK) as answer:
                assert answer.status == 200
        for writer in writers:
            writer.close()
        await ended(started)
        load = started.sidecar.handler.runtime.load
        assert (load.requests, load.buffered_bytes) == (0, 0)


async def _parts(data: bytes, times: int) -> AsyncIterator[bytes]:
    for _ in range(times):
        yield data


async def test_malformed_data_is_not_kept_while_the_request_before_it_runs(two_providers: RunningSidecar) -> None:
    async with SilentProvider() as provider, asyncio.timeout(10):
        point_at(two_providers, provider.port)
        _, writer = await asyncio.open_connection(*two_providers.url.removeprefix("http://").rsplit(":", 1))
        writer.write(post(json.dumps(ASK).encode()))
        await provider.was_asked.wait()
        (connection,) = two_providers.sidecar.listener.connections
        for _ in range(64):
            writer.write(b"\xff" * 65536)
            await writer.drain()
        assert [type(message) for message, _ in connection._messages] == [InvalidRequestError]
        writer.close()
        await provider.was_closed.wait()


async def test_http_1_0_with_a_transfer_encoding_is_refused(two_providers: RunningSidecar) -> None:
    fields = b"Host: localhost\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n"
    sent = b"POST /v1/chat/completions HTTP/1.0\r\n" + fields + b"\r\n0\r\n\r\n"
    got = await exchange_bytes(two_providers.url, sent + b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert got.startswith(b"HTTP/1.0 400 ") and b" 200 OK" not in got  # what follows is not served


@pytest.mark.parametrize(
    ("version", "asked", "connection", "stays"),
    [
        ("1.1", "", b"", True),
        ("1.1", "Connection: close", b"Connection: close", False),
        ("1.0", "", b"", False),
        ("1.0", "Connection: keep-alive", b"Connection: keep-alive", True),
    ],
)
async def test_a_connection_is_kept_open_as_its_client_requests(
    two_providers: RunningSidecar, version: str, asked: str, connection: bytes, stays: bool
) -> None:
    sent = post(json.dumps(ASK).encode(), *filter(None, [asked])).replace(b"HTTP/1.1", f"HTTP/{version}".encode())
    reader, writer = await asyncio.open_connection(*two_providers.url.removeprefix("http://").rsplit(":", 1))
    for _ in range(2 if stays else 1):
        writer.write(sent)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(f"HTTP/{version} 200 OK\r\n".encode())
        assert connection in head and (b"Connection:" in head) == bool(connection)
        assert b"\r\nDate: " in head and head.count(b"Content-Length: ") == 1
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        assert json.loads(await reader.readexactly(length))["choices"]
    if not stays:
        assert await reader.read() == b""
    writer.close()


async def test_a_closed_phase_that_fails_ends_neither_the_connection_nor_the_other_phases(
    two_providers: RunningSidecar, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("write to closed file")

    monkeypatch.setattr("proxy.telemetry.activity.Activity.record_request", broken)
    for _ in range(2):
        async with http.post(f"{two_providers.url}/v1/chat/completions", json=ASK) as answer:
            assert (await answer.json())["choices"]
        await ended(two_providers)
        assert two_providers.sidecar.handler.runtime.load.requests == 0
        assert {line["event"] for line in two_providers.log.lines[-2:]} == {
            "request_completed",
            "request_unhandled_error",
        }
    assert len(two_providers.sidecar.listener.connections) == 1


@pytest.mark.parametrize(("version", "chunked"), [("1.0", False), ("1.1", True)])
async def test_a_stream_is_chunked_only_in_http_1_1(two_providers: RunningSidecar, version: str, chunked: bool) -> None:
    sent = post(json.dumps({**ASK, "stream": True}).encode(), "Connection: close")
    got = await exchange_bytes(two_providers.url, sent.replace(b"HTTP/1.1", b"HTTP/" + version.encode()))
    head, _, body = got.partition(b"\r\n\r\n")
    assert (b"transfer-encoding: chunked" in head.lower(), body.endswith(b"0\r\n\r\n")) == (chunked, chunked)
    assert b"data: [DONE]\n\n" in body and body.startswith(b"data: ") is not chunked


async def test_a_stream_without_chunks_ends_with_its_connection(two_providers: RunningSidecar) -> None:
    sent = post(json.dumps({**ASK, "stream": True}).encode(), "Connection: keep-alive").replace(
        b"HTTP/1.1", b"HTTP/1.0"
    )
    async with asyncio.timeout(10):
        got = await exchange_bytes(two_providers.url, sent)
    assert got.endswith(b"data: [DONE]\n\n") and b"keep-alive" not in got.lower().partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_disconnects_while_waiting_closes_the_upstream_connection(stream: bool) -> None:
    async with SilentProvider() as provider, run_sidecar(TWO_PROVIDERS) as started:
        point_at(started, provider.port)
        body = json.dumps({**ASK, "stream": stream}).encode()
        _, writer = await asyncio.open_connection(*started.url.removeprefix("http://").rsplit(":", 1))
        writer.write(post(body))
        async with asyncio.timeout(5):
            await provider.was_asked.wait()
            writer.close()
            await provider.was_closed.wait()
            await ended(started)
    assert started.log.lines[-1]["outcome"] == "client_disconnected" and len(started.log.lines[-1]["attempts"]) == 1


async def test_a_client_that_disconnects_mid_stream_closes_the_upstream_connection() -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "word"}, "finish_reason": None}]}
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    event = b"data: " + json.dumps(chunk).encode() + b"\n\n"
    async with SilentProvider(head + event) as provider, run_sidecar(TWO_PROVIDERS) as started:
        point_at(started, provider.port)
        body = json.dumps({**ASK, "stream": True}).encode()
        reader, writer = await asyncio.open_connection(*started.url.removeprefix("http://").rsplit(":", 1))
        writer.write(post(body))
        async with asyncio.timeout(5):
            assert b"word" in await reader.readuntil(b'"word"')
            writer.close()
            await provider.was_closed.wait()
            await ended(started)
    assert started.log.lines[-1]["outcome"] == "client_disconnected" and started.log.lines[-1]["status"] == 200


async def test_aiohttps_options_reach_the_connection(two_providers: RunningSidecar) -> None:
    protocol, admin = build_listener(two_providers.sidecar.handler)(), two_providers.sidecar.admin_listener()
    assert admin._keepalive_timeout == KEEP_ALIVE_S  # its own default is an hour
    assert two_providers.sidecar.admin_listener.handler_cancellation
    assert protocol.access_log is None and admin.access_log is None


async def test_without_keys_only_requests_from_this_machine_are_served(two_providers: RunningSidecar) -> None:
    body = json.dumps(ASK).encode()
    rebound = post(body, "Connection: close").replace(b"Host: localhost", b"Host: evil.example")
    assert b" 403 " in await exchange_bytes(two_providers.url, rebound)
    assert b" 403 " in await exchange_bytes(
        two_providers.url, post(body, "Origin: https://evil.example", "Connection: close")
    )


async def test_with_keys_only_a_known_key_is_served() -> None:
    keyed = TWO_PROVIDERS.replace("auth,", '{auth: {keys: [{name: app, value: "${KEY}"}]}},')
    async with run_sidecar(keyed, {"KEY": "s3cret"}) as started, aiohttp.ClientSession() as http:
        for headers, status in [
            ({"Authorization": "Bearer s3cret"}, 200),
            ({"x-api-key": "s3cret"}, 200),
            ({"Authorization": "Bearer wrong"}, 401),
            ({}, 401),
        ]:
            async with http.post(f"{started.url}/v1/chat/completions", json=ASK, headers=headers) as answer:
                assert answer.status == status
    assert started.log.lines[0]["key"] == "app"
    assert "s3cret" not in json.dumps(started.log.lines)


async def test_max_connections_is_applied_at_start_and_by_a_reload() -> None:
    get = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    async with run_sidecar(TWO_PROVIDERS.replace("limits,", "{limits: {max_connections: 1}},")) as started:
        _, writer = await asyncio.open_connection(*started.url.removeprefix("http://").rsplit(":", 1))
        assert b" 503 " in await exchange_bytes(started.url, get)
        await started.edit("max_connections: 1", "max_connections: 2")
        assert b" 200 OK" in await exchange_bytes(started.url, get)
        await started.edit("max_connections: 2", "max_connections: 1")
        assert b" 503 " in await exchange_bytes(started.url, get)  # the open connection stays
        writer.close()


async def test_more_connections_than_descriptors_allow_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.sidecar.max_clients", lambda: 10)
    async with run_sidecar(TWO_PROVIDERS.replace("limits,", "{limits: {max_connections: 11}},")) as started:
        assert started.sidecar.listener.max_connections == 10
        line = started.log.lines[-1]
        assert (line["event"], line["configured"], line["allowed"]) == ("max_connections_lowered", 11, 10)
        await started.edit("max_connections: 11", "max_connections: 10")
        await started.edit("max_connections: 10", "max_connections: auto")
        assert started.sidecar.listener.max_connections == 10
        assert started.events == ["max_connections_lowered", "config_reloaded", "config_reloaded"]


async def test_many_rejected_connections_do_not_stay_open_together(two_providers: RunningSidecar) -> None:
    listener = two_providers.sidecar.listener
    listener.max_connections = 0
    address = two_providers.url.removeprefix("http://").rsplit(":", 1)
    opened = [await asyncio.open_connection(*address) for _ in range(50)]
    for reader, writer in opened:
        assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
        assert len(listener._rejected) <= 16
        writer.close()


async def test_too_many_connections_of_the_admin_listener_end_the_oldest(two_providers: RunningSidecar) -> None:
    address = two_providers.sidecar.admin_url.removeprefix("http://").rsplit(":", 1)
    oldest, writer = await asyncio.open_connection(*address)
    others = [await asyncio.open_connection(*address) for _ in range(MAX_ADMIN_CONNECTIONS)]
    with suppress(ConnectionResetError):
        assert await oldest.read() == b""
    assert (await two_providers.admin("GET", "/readyz"))[0] == 200
    for _, each in [(oldest, writer), *others]:
        each.close()


async def test_a_connection_over_the_limit_gets_a_503_and_the_others_go_on(two_providers: RunningSidecar) -> None:
    two_providers.sidecar.listener.max_connections = 1
    get = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"
    reader, writer = await asyncio.open_connection(*two_providers.url.removeprefix("http://").rsplit(":", 1))
    for _ in range(2):
        writer.write(get)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        head, _, body = (await exchange_bytes(two_providers.url, get)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ") and b"\r\nConnection: close\r\nRetry-After: 1\r\n" in head
        assert json.loads(body)["error"]["code"] == "sidecar_overloaded"
        await reader.read(65536)
    assert set(two_providers.events) == {"request_refused"}
    assert two_providers.sidecar.handler.runtime.telemetry.counters.refusals == {("sidecar_overloaded", "503"): 2}
    writer.close()
    while b" 503 " in (await exchange_bytes(two_providers.url, get.replace(b"Host", b"Connection: close\r\nHost"))):
        pass  # until the sidecar has seen it leave


@pytest.mark.parametrize("listener", ["data", "admin"])
@pytest.mark.parametrize("junk", [b"SECRET\r\n\r\n", b"GET / HTTP/1.1\r\nAuthorization Bearer SECRET\r\n\r\n"])
async def test_what_is_not_http_is_counted_and_logged_without_its_content(
    two_providers: RunningSidecar, http: aiohttp.ClientSession, listener: str, junk: bytes
) -> None:
    url = two_providers.url if listener == "data" else two_providers.sidecar.admin_url
    for _ in range(3):
        assert (await exchange_bytes(url, junk)).startswith(b"HTTP/1.")
    async with http.get(f"{two_providers.sidecar.admin_url}/metrics") as answer:
        text = await answer.text()
    assert 'parrot_requests_refused_total{code="invalid_request",status="400"} 3.0' in text
    first, *_ = two_providers.log.lines
    refused = {
        "event": "request_refused",
        "level": "warning",
        "status": 400,
        "code": "invalid_request",
        "suppressed": 0,
    }
    assert first == refused and "SECRET" not in str(two_providers.log.lines)
