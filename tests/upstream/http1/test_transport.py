"""Requests and responses on the wire, and which connections they use."""

from __future__ import annotations

import asyncio
import gc
import socket
from typing import Any

import pytest
from msgspec.structs import replace

from proxy.errors import ConnectError, InvalidHeaderError, MalformedResponse, ParrotError, UpstreamDisconnected
from proxy.messages import UpstreamRequest
from proxy.upstream.http1.dial import Dialer
from proxy.upstream.http1.proxies import Proxies
from proxy.upstream.http1.resolver import Address
from proxy.upstream.http1.transport import Http1Transport
from tests.faults.rehearsal import pause
from tests.faults.server import (
    CHUNKED_HEAD,
    FIN,
    RECV,
    RECV_HEAD,
    RST,
    FaultServer,
    Op,
    http_chunk,
    http_response,
    send,
    set_event,
    wait_for,
)
from tests.upstream.http1.client import (
    END,
    NO_TRUST,
    OK,
    build_request,
    cancel_on,
    fetch,
    open_response,
    read_rest,
    start_request,
    turn_loop,
    wait_until,
)
from tests.virtual_time import virtual_time


async def test_request_and_response_arrive_as_sent(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(OK)]) as server:
        response = await open_response(
            transport, build_request(server, **{"X-Team": "a", "Accept-Encoding": "gzip", "Host": "evil"})
        )
        assert (response.status, response.headers["content-type"]) == (200, "application/json")
        assert await read_rest(response) == b'{"ok":true}'
    sent = server.requests[0]
    assert (sent.line, sent.body) == ("POST /v1/chat/completions HTTP/1.1", b'{"model":"m"}')
    assert sent.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept-encoding": "identity",
        "content-length": "13",
        "authorization": "Bearer sk-planted",
        "x-team": "a",
    }


async def test_a_finished_connection_is_reused(transport: Http1Transport) -> None:
    async with FaultServer(
        [RECV, send(OK), RECV, send(CHUNKED_HEAD + http_chunk(b"x") + END), RECV, send(OK)]
    ) as server:
        bodies = [await fetch(transport, build_request(server)) for _ in range(3)]
    assert bodies == [b'{"ok":true}', b"x", b'{"ok":true}']
    assert len(server.peers) == 1


async def test_the_newest_idle_connection_is_reused_first(transport: Http1Transport) -> None:
    both = asyncio.Event()
    script = [RECV, wait_for(both), send(OK), RECV, send(OK)]
    async with FaultServer(script) as server:
        first, second = (asyncio.ensure_future(fetch(transport, build_request(server))) for _ in range(2))
        await wait_until(lambda: len(server.requests) == 2)
        both.set()
        await asyncio.gather(first, second)
        await fetch(transport, build_request(server))
        assert sorted(len(peer.requests) for peer in server.peers) == [1, 2]


async def test_aborting_a_complete_response_keeps_its_connection(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(OK), RECV, send(OK)]) as server:
        response = await open_response(transport, build_request(server))
        await response.wait(lambda: response.is_complete)
        response.transfer.abort()
        await fetch(transport, build_request(server))
    assert len(server.peers) == 1


@pytest.mark.parametrize(
    "first",
    [
        http_response(headers="Connection: close\r\n"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        OK + b"x",
        OK + OK,
        b"HTTP/1.1 204 No Content\r\n\r\nbody",
    ],
    ids=["close", "http10", "a byte too many", "two responses", "body on 204"],
)
async def test_a_response_may_end_its_connection(transport: Http1Transport, first: bytes) -> None:
    async with FaultServer([RECV, send(first)], [RECV, send(http_response(b"second"))]) as server:
        await fetch(transport, build_request(server))
        assert await fetch(transport, build_request(server)) == b"second"
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_an_unsolicited_response_is_not_delivered(transport: Http1Transport) -> None:
    go, gone = asyncio.Event(), asyncio.Event()
    stale = http_response(b"STALE", status="408 Request Timeout")
    async with FaultServer(
        [RECV, send(OK), wait_for(go), send(stale), set_event(gone)], [RECV, send(http_response(b"mine"))]
    ) as server:
        await fetch(transport, build_request(server))
        go.set()
        await gone.wait()
        assert await fetch(transport, build_request(server)) == b"mine"
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


@pytest.mark.parametrize("end", [FIN, RST], ids=["fin", "rst"])
async def test_a_request_on_a_stale_connection_is_resent_once(transport: Http1Transport, end: Op) -> None:
    async with FaultServer([RECV, send(OK), RECV, end], [RECV, send(http_response(b"fresh"))]) as server:
        await fetch(transport, build_request(server))
        assert await fetch(transport, build_request(server)) == b"fresh"
    assert [len(peer.requests) for peer in server.peers] == [2, 1]


async def test_a_request_that_is_sent_once_is_not_resent(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(OK), RECV, FIN], [RECV, send(OK)]) as server:
        await fetch(transport, build_request(server))
        with pytest.raises(UpstreamDisconnected):
            await fetch(transport, replace(build_request(server), is_sent_once=True))
    assert [len(peer.requests) for peer in server.peers] == [2]


@virtual_time
async def test_a_reused_connection_that_closes_later_fails_the_attempt_and_soon_after_it_is_late() -> None:
    for seconds, is_late in ((0.9, False), (1.1, True)):
        async with FaultServer([RECV, send(OK), RECV, pause(seconds), FIN]) as server:
            transport = Http1Transport(Dialer(NO_TRUST))
            await fetch(transport, build_request(server))
            with pytest.raises(UpstreamDisconnected) as raised:
                await fetch(transport, build_request(server))
            assert raised.value.is_late is is_late and len(server.peers) == 1
            transport.close()


async def test_a_request_on_a_new_connection_is_not_resent(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(OK), RECV, FIN], [RECV, FIN]) as server:
        await fetch(transport, build_request(server))
        with pytest.raises(UpstreamDisconnected, match=r"^127\.0\.0\.1 closed the connection before responding$"):
            await fetch(transport, build_request(server))
        assert [len(peer.requests) for peer in server.peers] == [2, 1]


async def test_a_request_is_not_resent_after_the_first_response_byte(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(OK), RECV, send(b"HTTP/1.1 200"), FIN]) as server:
        await fetch(transport, build_request(server))
        with pytest.raises(UpstreamDisconnected):
            await fetch(transport, build_request(server))
        assert len(server.peers) == 1


async def test_cookies_are_not_kept_and_redirects_not_followed(transport: Http1Transport) -> None:
    moved = http_response(
        b"", status="302 Found", headers="Set-Cookie: __cf_bm=a\r\nLocation: http://169.254.169.254/\r\n"
    )
    async with FaultServer([RECV, send(moved), RECV, send(OK)]) as server:
        assert (await open_response(transport, build_request(server))).status == 302
        await fetch(transport, build_request(server))
    assert len(server.requests) == 2
    assert "cookie" not in server.requests[1].headers


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b"])
async def test_a_header_with_a_line_break_is_never_sent(transport: Http1Transport, value: str) -> None:
    async with FaultServer([RECV, send(OK)]) as server:
        with pytest.raises(InvalidHeaderError, match="'X-Bad'") as raised:
            await open_response(transport, build_request(server, **{"X-Bad": value}))
        assert value not in str(raised.value)
        assert not server.peers


async def test_a_large_body_arrives_complete(transport: Http1Transport) -> None:
    body = bytes(range(256)) * 8192 * 2
    async with FaultServer([RECV, send(OK), RECV, send(OK)]) as server:
        for _ in range(2):
            await fetch(transport, build_request(server, body))
        assert [request.body == body for request in server.requests] == [True, True]
        assert len(server.peers) == 1


async def test_an_error_during_the_upload_is_delivered_and_ends_it(transport: Http1Transport) -> None:
    async with FaultServer([RECV_HEAD, send(http_response(b"too large", status="413 Content Too Large"))]) as server:
        response = await open_response(transport, build_request(server, bytes(64 * 2**20)))
        assert (response.status, await read_rest(response)) == (413, b"too large")
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_aborting_a_request_closes_its_connection(transport: Http1Transport) -> None:
    received = asyncio.Event()
    async with FaultServer([RECV, set_event(received)]) as server:
        await cancel_on(open_response(transport, build_request(server)), received)
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_aborting_an_upload_closes_its_connection(transport: Http1Transport) -> None:
    begun = asyncio.Event()
    async with FaultServer([RECV_HEAD, set_event(begun)]) as server:
        await cancel_on(open_response(transport, build_request(server, bytes(64 * 2**20))), begun)
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_a_request_aborted_at_once_is_never_sent(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(OK)]) as server:
        response = start_request(transport, build_request(server))
        response.transfer.abort()
        assert await fetch(transport, build_request(server)) == b'{"ok":true}'
        assert len(server.requests) == 1
        assert response.calls == []


async def test_aborting_a_connect_attempt_ends_it(transport: Http1Transport) -> None:
    looking, looked_up = asyncio.Event(), asyncio.Event()

    async def slow(host: str, port: int) -> list[Address]:
        looking.set()
        await looked_up.wait()
        return [Address(socket.AF_INET, ("127.0.0.1", port))]

    transport.dialer.resolver.lookup = slow
    async with FaultServer([RECV, send(OK)]) as server:
        response = start_request(transport, UpstreamRequest(server.url(host="slow.test"), {}, b""))
        await looking.wait()
        response.transfer.abort()
        looked_up.set()
        await turn_loop()
        assert (response.calls, server.peers) == ([], [])


async def test_pausing_before_there_is_a_connection_is_harmless(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(OK)]) as server:
        response = start_request(transport, build_request(server))
        response.transfer.pause()
        response.transfer.resume()
        response.transfer.set_timeouts(deadline=0, idle_timeout_s=0)
        assert await read_rest(response) == b'{"ok":true}'


async def test_an_unexpected_exception_while_connecting_is_a_failure(
    transport: Http1Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> list[Address]:
        raise KeyError("sk-planted")

    logged: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context))
    transport.dialer.resolver.lookup = broken
    with pytest.raises(ParrotError, match="^internal error while connecting; see the sidecar's log$"):
        await open_response(transport, UpstreamRequest("http://a.test/", {}, b""))
    gc.collect()
    assert [type(context["exception"]) for context in logged] == [KeyError]


async def test_closing_the_transport_lets_an_open_response_finish(transport: Http1Transport) -> None:
    go = asyncio.Event()
    async with FaultServer(
        [RECV, send(CHUNKED_HEAD + http_chunk(b"1")), wait_for(go), send(http_chunk(b"2") + END)]
    ) as server:
        response = await open_response(transport, build_request(server))
        transport.close()
        go.set()
        assert await read_rest(response) == b"12"
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_closing_the_transport_closes_idle_connections(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(OK)]) as server:
        await fetch(transport, build_request(server))
        transport.close()
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_many_responses_are_open_at_once(transport: Http1Transport) -> None:
    go = asyncio.Event()
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(b"1")), wait_for(go), send(END)]) as server:
        answers = await asyncio.gather(*(open_response(transport, build_request(server)) for _ in range(90)))
        go.set()
        assert [await read_rest(response) for response in answers] == [b"1"] * 90
        assert len(server.peers) == 90


async def test_an_http_proxy_receives_the_absolute_url() -> None:
    async with FaultServer([RECV, send(OK)]) as proxy:
        transport = Http1Transport(
            Dialer(NO_TRUST), Proxies.from_environ({"HTTP_PROXY": f"http://user:p%40ss@127.0.0.1:{proxy.port}"})
        )
        request = UpstreamRequest("http://provider.test:81/v1/chat?a=%2F", {"Proxy-Authorization": "Bearer x"}, b"")
        assert await fetch(transport, request) == b'{"ok":true}'
        transport.close()
    sent = proxy.requests[0]
    assert sent.line == "POST http://provider.test:81/v1/chat?a=%2F HTTP/1.1"
    assert (sent.headers["host"], sent.headers["proxy-authorization"]) == ("provider.test:81", "Basic dXNlcjpwQHNz")


@pytest.mark.parametrize("no_proxy", ["", "example.org, 127.0.0.0/8"])
async def test_loopback_is_reached_without_the_proxy(no_proxy: str) -> None:
    async with FaultServer([RECV, send(OK)]) as server:
        environ = {"http_proxy": "http://127.0.0.1:1", "no_proxy": no_proxy}
        transport = Http1Transport(Dialer(NO_TRUST), Proxies.from_environ(environ))
        assert await fetch(transport, build_request(server)) == b'{"ok":true}'
        transport.close()


async def test_no_error_contains_the_key(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(b"Bearer sk-planted\r\n")]) as server:
        with pytest.raises(MalformedResponse) as raised:
            await open_response(transport, build_request(server))
    assert "sk-planted" not in str(raised.value)
    with pytest.raises(ConnectError) as refused:
        await open_response(transport, UpstreamRequest(f"http://127.0.0.1:{server.port}/?key=sk-planted", {}, b""))
    assert "sk-planted" not in str(refused.value)
    assert "127.0.0.1" in str(refused.value)
