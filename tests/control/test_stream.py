"""The health stream over real sockets: websockets, server-sent events, keys, clients that do not read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import websocket

from proxy.control.stream import PATH, _discard_messages
from proxy.telemetry.broadcast import MAX_QUEUED, MAX_SUBSCRIBERS, Broadcast
from tests.running import HELLO, TWO_PROVIDERS, RunningSidecar, run_sidecar

KEYED = TWO_PROVIDERS.replace("auth,", "{auth: {keys: [{name: app, value: secret}], origins: ['https://ok.test']}},")
NAMES = ["first", "second"]


@asynccontextmanager
async def keyed() -> AsyncIterator[tuple[RunningSidecar, aiohttp.ClientSession, str]]:
    async with run_sidecar(KEYED) as started, aiohttp.ClientSession() as http:
        yield started, http, started.url + PATH


def break_down(started: RunningSidecar, provider: str = "first") -> None:
    """Record enough failures for the provider to be down."""
    runtime = started.sidecar.handler.runtime
    for _ in range(20):
        now = runtime.clock()
        runtime.telemetry.observations.start_attempt(f"{provider}@global/m-one", now).record_failure(
            "server_error", now, fault=True
        )
    runtime.telemetry.feed.wakeup.set()


async def wait_for_client(started: RunningSidecar) -> None:
    """Wait until a client is subscribed."""
    while not len(started.sidecar.handler.runtime.telemetry.feed):
        await asyncio.sleep(0.001)


def check_snapshot(message: dict[str, Any]) -> None:
    assert message["type"] == "snapshot"
    assert [(row["name"], row["status"], row["uptime_percentage"]) for row in message["providers"]] == [
        (name, "healthy", None) for name in NAMES
    ]


def check_change(message: dict[str, Any]) -> None:
    assert {name: message[name] for name in ("type", "provider", "status", "previous", "reason")} == {
        "type": "provider_status_change",
        "provider": "first",
        "status": "down",
        "previous": "healthy",
        "reason": "0 of the last 20 answers were good",
    }


async def test_a_websocket_client_with_a_key_receives_a_failing_provider() -> None:
    async with keyed() as (started, _, url):
        headers = {"Authorization": "Bearer secret"}
        client = await asyncio.to_thread(
            websocket.create_connection, url.replace("http", "ws"), header=headers, timeout=10, suppress_origin=True
        )
        try:
            check_snapshot(json.loads(await asyncio.to_thread(client.recv)))
            break_down(started)
            check_change(json.loads(await asyncio.to_thread(client.recv)))
        finally:
            await asyncio.to_thread(client.close)


async def test_the_own_origin_and_listed_origins_may_connect() -> None:
    async with keyed() as (started, http, url):
        headers = {"Authorization": "Bearer secret"}
        for origin in (started.url, "https://ok.test"):
            async with http.ws_connect(url, headers={**headers, "Origin": origin}) as socket:
                check_snapshot(await socket.receive_json())
        for origin in ("https://evil.test", "null", started.url.replace("127.0.0.1", "localhost")):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await http.ws_connect(url, headers={**headers, "Origin": origin})
            assert caught.value.status == 403


async def test_a_browser_sends_its_key_in_the_first_message() -> None:
    async with keyed() as (started, http, url), http.ws_connect(url) as socket:
        await socket.send_json({"key": "secret"})
        check_snapshot(await socket.receive_json())
        await socket.send_str("further messages are ignored")
        break_down(started)
        check_change(await socket.receive_json())


@pytest.mark.parametrize("key_message", ['{"key": "wrong"}', "secret", '"secret"', "[]", "{}", '{"key": 7}', b"secret"])
async def test_an_invalid_key_message_closes_the_websocket(key_message: str | bytes) -> None:
    async with keyed() as (_, http, url), http.ws_connect(url) as socket:
        await (socket.send_str(key_message) if isinstance(key_message, str) else socket.send_bytes(key_message))
        message = await socket.receive()
        assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 1008, "a valid key is required")


async def test_a_websocket_without_a_key_message_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.control.stream.KEY_TIMEOUT_S", 0.01)
    async with keyed() as (_, http, url), http.ws_connect(url) as socket:
        assert (await socket.receive()).data == 1008


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer wrong", "Upgrade": "websocket", "Connection": "Upgrade"}, 401),
        ({"Accept": "text/event-stream"}, 401),
        ({"Authorization": "Bearer secret"}, 400),
        ({"Authorization": "Bearer secret", "Upgrade": "websocket", "Connection": "Upgrade"}, 400),
    ],
)
async def test_a_plain_request_is_an_error(headers: dict[str, str], status: int) -> None:
    async with keyed() as (_, http, url), http.get(url, headers=headers) as answer:
        assert (answer.status, answer.content_type) == (status, "application/json")
        assert (await answer.json())["error"]["type"] == "invalid_request_error"


async def test_server_sent_events_carry_the_same_messages() -> None:
    async with keyed() as (started, http, url):
        headers = {"Authorization": "Bearer secret", "Accept": "text/event-stream"}
        async with http.get(url, headers=headers) as answer:
            assert (answer.status, answer.content_type) == (200, "text/event-stream")
            assert answer.headers["X-Request-Id"]
            event, data = await next_event(answer)
            assert event == "snapshot"
            check_snapshot(data)
            break_down(started)
            event, data = await next_event(answer)
            assert event == "provider_status_change"
            check_change(data)


async def next_event(answer: aiohttp.ClientResponse) -> tuple[str, dict[str, Any]]:
    fields = {}
    while line := (await answer.content.readline()).decode().rstrip("\r\n"):
        name, _, value = line.partition(": ")
        fields[name] = value
    return fields["event"], json.loads(fields["data"])


async def test_the_number_of_clients_is_limited() -> None:
    async with run_sidecar() as started, aiohttp.ClientSession() as http:
        url = started.url + PATH
        sockets = [await http.ws_connect(url) for _ in range(MAX_SUBSCRIBERS)]
        for socket in sockets:
            await socket.receive_json()
        async with http.get(url, headers={"Accept": "text/event-stream"}) as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (503, "sidecar_overloaded")
        await asyncio.gather(*(socket.close() for socket in sockets))
        feed = started.sidecar.handler.runtime.telemetry.feed
        while len(feed):
            await asyncio.sleep(0.001)
        assert (await (await http.ws_connect(url)).receive_json())["type"] == "snapshot"


@pytest.mark.parametrize("headers", [{"Accept": "text/event-stream"}, None])
async def test_a_client_that_does_not_read_is_disconnected(headers: dict[str, str] | None) -> None:
    async with run_sidecar() as started:
        host, port = started.url.removeprefix("http://").split(":")
        connection = await asyncio.open_connection(host, int(port), limit=1024)
        writer = connection[1]  # the reader is never read from
        upgrade = ("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n")  # fmt: skip
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items()) if headers else upgrade
        writer.write(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())
        await wait_for_client(started)
        feed, sent = started.sidecar.handler.runtime.telemetry.feed, 0
        while len(feed):
            feed.publish(json.dumps({"type": "x" * 2**20}))
            sent += 1
            await asyncio.sleep(0)
        assert sent >= MAX_QUEUED
        await started.sidecar.handler.wait_idle()
        writer.close()


async def test_stream_clients_keep_no_request_out() -> None:
    text = TWO_PROVIDERS.replace("limits,", "{limits: {max_inflight: 1}},")
    async with run_sidecar(text) as started, aiohttp.ClientSession() as http:
        sockets = [await http.ws_connect(started.url + PATH) for _ in range(3)]
        events = await http.get(started.url + PATH, headers={"Accept": "text/event-stream"})
        await next_event(events)
        body = {"model": "m", "messages": HELLO}
        async with http.post(f"{started.url}/v1/chat/completions", json=body) as answer:
            assert answer.status == 200
        events.close()
        for each in sockets:
            await each.close()
        await started.sidecar.handler.wait_idle()
        assert started.sidecar.handler.runtime.load.requests == 0


async def test_shutting_down_closes_every_stream() -> None:
    async with aiohttp.ClientSession() as http:
        async with run_sidecar() as started:
            socket = await http.ws_connect(started.url + PATH)
            await socket.receive_json()
            events = await http.get(started.url + PATH, headers={"Accept": "text/event-stream"})
            await next_event(events)
        message = await socket.receive()
        assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 1001, "shutting down")
        assert await events.content.read() == b""


async def test_a_connection_that_breaks_is_a_client_that_disconnected() -> None:
    class Broken:
        def __aiter__(self) -> Broken:
            return self

        async def __anext__(self) -> None:
            raise ConnectionResetError

    subscriber = Broadcast().subscribe(lambda: None)
    await subscriber.next()
    await _discard_messages(Broken(), subscriber)  # type: ignore[arg-type]
    assert (await subscriber.next(), subscriber.end_reason) == (None, "left")


async def test_head_is_answered_as_get_without_events_and_needs_the_key() -> None:
    async with keyed() as (started, http, url):
        accept = {"Accept": "text/event-stream"}
        async with http.head(url, headers={**accept, "x-api-key": "secret"}) as answer:
            assert (answer.status, answer.content_type, await answer.read()) == (200, "text/event-stream", b"")
            assert answer.headers["X-Request-Id"] and "Content-Length" not in answer.headers
        for headers, status in (
            ({"x-api-key": "secret"}, 400),
            (accept, 401),
            (accept | {"Upgrade": "websocket"}, 401),
        ):
            async with http.head(url, headers=headers) as answer:
                assert answer.status == status
        assert not len(started.sidecar.handler.runtime.telemetry.feed)


async def test_events_of_a_listed_origin_carry_its_cors_headers() -> None:
    async with keyed() as (_, http, url):
        headers = {"Accept": "text/event-stream", "x-api-key": "secret", "Origin": "https://ok.test"}
        async with http.get(url, headers=headers) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "https://ok.test")
