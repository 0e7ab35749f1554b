"""What a request and its answer are on the wire, and which connections they use."""

from __future__ import annotations

import asyncio

import pytest

from proxy.errors import ConnectError, InvalidHeaderError, MalformedResponse, UpstreamDisconnected
from proxy.messages import UpstreamRequest
from proxy.upstream.http1.dial import Dialer
from proxy.upstream.http1.proxies import Proxies
from proxy.upstream.http1.transport import Http1Transport
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
from tests.upstream.http1.exchange import END, NO_TRUST, OK, ask, cancelled, exchange, question, rest, until


async def test_request_and_answer_arrive_as_sent(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(OK)]) as server:
        incoming = await ask(transport, question(server, **{"X-Team": "a", "Accept-Encoding": "gzip", "Host": "evil"}))
        assert (incoming.status, incoming.headers["content-type"]) == (200, "application/json")
        assert await rest(incoming) == b'{"ok":true}'
    sent = server.requests[0]
    assert (sent.line, sent.body) == ("POST /v1/chat/completions HTTP/1.1", b'{"model":"m"}')
    assert sent.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept-encoding": "identity",
        "content-length": "13",
        "authorization": "Bearer sk-planted",
        "x-team": "a",
    }


async def test_a_finished_connection_is_used_again(transport: Http1Transport) -> None:
    async with FaultServer(
        [RECV, send(OK), RECV, send(CHUNKED_HEAD + http_chunk(b"x") + END), RECV, send(OK)]
    ) as server:
        bodies = [await exchange(transport, question(server)) for _ in range(3)]
    assert bodies == [b'{"ok":true}', b"x", b'{"ok":true}']
    assert len(server.peers) == 1


async def test_the_newest_idle_connection_goes_first(transport: Http1Transport) -> None:
    both = asyncio.Event()
    script = [RECV, wait_for(both), send(OK), RECV, send(OK)]
    async with FaultServer(script) as server:
        first, second = (asyncio.ensure_future(exchange(transport, question(server))) for _ in range(2))
        await until(lambda: len(server.requests) == 2)
        both.set()
        await asyncio.gather(first, second)
        for _ in range(1):
            await exchange(transport, question(server))
        assert sorted(len(peer.requests) for peer in server.peers) == [1, 2]


async def test_an_unread_answer_that_is_whole_leaves_its_connection_usable(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(OK), RECV, send(OK)]) as server:
        (await ask(transport, question(server))).close()
        await exchange(transport, question(server))
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
    ids=["close", "http10", "a byte too many", "two answers", "body on 204"],
)
async def test_such_an_answer_is_the_last_on_its_connection(transport: Http1Transport, first: bytes) -> None:
    async with FaultServer([RECV, send(first)], [RECV, send(http_response(b"second"))]) as server:
        await exchange(transport, question(server))
        assert await exchange(transport, question(server)) == b"second"
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_an_answer_nobody_asked_for_is_nobodys(transport: Http1Transport) -> None:
    go, gone = asyncio.Event(), asyncio.Event()
    stale = http_response(b"STALE", status="408 Request Timeout")
    async with FaultServer(
        [RECV, send(OK), wait_for(go), send(stale), set_event(gone)], [RECV, send(http_response(b"mine"))]
    ) as server:
        await exchange(transport, question(server))
        go.set()
        await gone.wait()
        assert await exchange(transport, question(server)) == b"mine"
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


@pytest.mark.parametrize("end", [FIN, RST], ids=["fin", "rst"])
async def test_a_kept_connection_that_died_is_replaced_once(transport: Http1Transport, end: Op) -> None:
    async with FaultServer([RECV, send(OK), RECV, end], [RECV, send(http_response(b"fresh"))]) as server:
        await exchange(transport, question(server))
        assert await exchange(transport, question(server)) == b"fresh"
    assert [len(peer.requests) for peer in server.peers] == [2, 1]


async def test_a_fresh_connection_that_dies_is_not_replaced(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(OK), RECV, FIN], [RECV, FIN]) as server:
        await exchange(transport, question(server))
        with pytest.raises(UpstreamDisconnected, match=r"^127\.0\.0\.1 closed the connection before it answered$"):
            await exchange(transport, question(server))
        assert [len(peer.requests) for peer in server.peers] == [2, 1]


async def test_a_kept_connection_that_dies_in_its_answer_is_not_replaced(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(OK), RECV, send(b"HTTP/1.1 200"), FIN]) as server:
        await exchange(transport, question(server))
        with pytest.raises(UpstreamDisconnected):
            await exchange(transport, question(server))
        assert len(server.peers) == 1


async def test_cookies_and_redirects_stay_where_they_are(transport: Http1Transport) -> None:
    moved = http_response(
        b"", status="302 Found", headers="Set-Cookie: __cf_bm=a\r\nLocation: http://169.254.169.254/\r\n"
    )
    async with FaultServer([RECV, send(moved), RECV, send(OK)]) as server:
        assert (await ask(transport, question(server))).status == 302
        await exchange(transport, question(server))
    assert len(server.requests) == 2
    assert "cookie" not in server.requests[1].headers


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b"])
async def test_a_header_that_breaks_its_line_is_never_sent(transport: Http1Transport, value: str) -> None:
    async with FaultServer([RECV, send(OK)]) as server:
        with pytest.raises(InvalidHeaderError, match="'X-Bad'") as raised:
            await ask(transport, question(server, **{"X-Bad": value}))
        assert value not in str(raised.value)
        assert not server.peers


async def test_a_big_body_arrives_whole(transport: Http1Transport) -> None:
    body = bytes(range(256)) * 8192 * 2
    async with FaultServer([RECV, send(OK), RECV, send(OK)]) as server:
        for _ in range(2):
            await exchange(transport, question(server, body))
        assert [request.body == body for request in server.requests] == [True, True]
        assert len(server.peers) == 1


async def test_an_early_refusal_is_delivered_and_the_upload_ends(transport: Http1Transport) -> None:
    async with FaultServer([RECV_HEAD, send(http_response(b"too large", status="413 Content Too Large"))]) as server:
        incoming = await ask(transport, question(server, bytes(64 * 2**20)))
        assert (incoming.status, await rest(incoming)) == (413, b"too large")
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_a_cancelled_send_closes_its_connection(transport: Http1Transport) -> None:
    asked = asyncio.Event()
    async with FaultServer([RECV, set_event(asked)]) as server:
        await cancelled(ask(transport, question(server)), asked)
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_a_send_cancelled_in_its_upload_closes_its_connection(transport: Http1Transport) -> None:
    begun = asyncio.Event()
    async with FaultServer([RECV_HEAD, set_event(begun)]) as server:
        await cancelled(ask(transport, question(server, bytes(64 * 2**20))), begun)
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_closing_the_transport_lets_an_open_answer_end(transport: Http1Transport) -> None:
    go = asyncio.Event()
    async with FaultServer(
        [RECV, send(CHUNKED_HEAD + http_chunk(b"1")), wait_for(go), send(http_chunk(b"2") + END)]
    ) as server:
        incoming = await ask(transport, question(server))
        transport.close()
        go.set()
        assert await rest(incoming) == b"12"
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_closing_the_transport_closes_idle_connections(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(OK)]) as server:
        await exchange(transport, question(server))
        transport.close()
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_many_answers_are_open_at_once(transport: Http1Transport) -> None:
    go = asyncio.Event()
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(b"1")), wait_for(go), send(END)]) as server:
        answers = await asyncio.gather(*(ask(transport, question(server)) for _ in range(90)))
        go.set()
        assert [await rest(incoming) for incoming in answers] == [b"1"] * 90
        assert len(server.peers) == 90


async def test_an_http_proxy_is_asked_for_the_whole_url() -> None:
    async with FaultServer([RECV, send(OK)]) as proxy:
        transport = Http1Transport(
            Dialer(NO_TRUST), Proxies.from_environ({"HTTP_PROXY": f"http://user:p%40ss@127.0.0.1:{proxy.port}"})
        )
        request = UpstreamRequest("http://provider.test:81/v1/chat?a=%2F", {"Proxy-Authorization": "Bearer x"}, b"")
        assert await exchange(transport, request) == b'{"ok":true}'
        transport.close()
    sent = proxy.requests[0]
    assert sent.line == "POST http://provider.test:81/v1/chat?a=%2F HTTP/1.1"
    assert (sent.headers["host"], sent.headers["proxy-authorization"]) == ("provider.test:81", "Basic dXNlcjpwQHNz")


@pytest.mark.parametrize("no_proxy", ["", "example.org, 127.0.0.0/8"])
async def test_this_machine_is_reached_without_the_proxy(no_proxy: str) -> None:
    async with FaultServer([RECV, send(OK)]) as server:
        environ = {"http_proxy": "http://127.0.0.1:1", "no_proxy": no_proxy}
        transport = Http1Transport(Dialer(NO_TRUST), Proxies.from_environ(environ))
        assert await exchange(transport, question(server)) == b'{"ok":true}'
        transport.close()


async def test_no_error_tells_the_key(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(b"Bearer sk-planted\r\n")]) as server:
        with pytest.raises(MalformedResponse) as raised:
            await ask(transport, question(server))
    assert "sk-planted" not in str(raised.value)
    with pytest.raises(ConnectError) as refused:
        await ask(transport, UpstreamRequest(f"http://127.0.0.1:{server.port}/?key=sk-planted", {}, b""))
    assert "sk-planted" not in str(refused.value)
    assert "127.0.0.1" in str(refused.value)
