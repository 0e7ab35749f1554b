"""Over aiohttp's client a request goes out as it is, and whatever goes wrong is said in our own words."""

from __future__ import annotations

import socket

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from yarl import URL

from proxy.errors import ConnectFailure, Disconnected
from proxy.messages import Outgoing
from proxy.upstream.session import SessionTransport
from tests.fakes import PROVIDER_KEY

ADDRESS = "https://a.test/v1/chat?x=1"
KEY = ConnectionKey("a.test", 443, True, True, None, None, None)
ASKING = Outgoing(ADDRESS, {"Authorization": f"Bearer {PROVIDER_KEY}"}, b'{"a": 1}')


@pytest.fixture
async def transport():
    made = SessionTransport()
    yield made
    await made.close()


async def test_the_answer_comes_as_it_is_sent(web, transport):
    web.post(ADDRESS, status=418, body=b"\x1f\x8b raw", headers={"Content-Encoding": "gzip", "X-A": "b"})
    incoming = await transport.send(ASKING, connect_timeout=5)
    assert (incoming.status, incoming.headers["x-a"]) == (418, "b")
    assert await incoming.read() == b"\x1f\x8b raw"
    assert await incoming.read() == b""
    incoming.close()
    incoming.close()


async def test_what_is_asked_for_is_what_is_sent(web, transport):
    web.post(ADDRESS)
    (await transport.send(ASKING, connect_timeout=2.5)).close()
    [(method, url)] = web.requests
    [call] = web.requests[method, url]
    assert (method, str(url)) == ("POST", ADDRESS)
    assert call.kwargs["headers"] == ASKING.headers
    assert call.kwargs["data"] == b'{"a": 1}'
    assert call.kwargs["timeout"].connect == 2.5 and call.kwargs["timeout"].total is None


async def test_a_redirect_is_an_answer_and_is_not_followed(web, transport):
    web.post(ADDRESS, status=307, headers={"Location": "https://evil.test/"})
    incoming = await transport.send(ASKING, connect_timeout=5)
    assert incoming.status == 307
    assert len(web.requests) == 1
    incoming.close()


@pytest.mark.parametrize(
    "raised, error, said",
    [
        (aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "Connection refused")), ConnectFailure,
         "cannot connect to a.test: Connection refused"),
        (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "Name or service not known")), ConnectFailure,
         "cannot connect to a.test: Name or service not known"),
        (aiohttp.ConnectionTimeoutError(PROVIDER_KEY), ConnectFailure, "cannot connect to a.test: ConnectionTimeout"),
        (aiohttp.SocketTimeoutError(PROVIDER_KEY), ConnectFailure, "cannot connect to a.test: SocketTimeout"),
        (aiohttp.ServerDisconnectedError(PROVIDER_KEY), Disconnected, "a.test closed the connection: ServerDiscon"),
        (aiohttp.ClientOSError(104, PROVIDER_KEY), Disconnected, "a.test closed the connection: ClientOSError"),
        (aiohttp.ClientPayloadError(PROVIDER_KEY), Disconnected, "a.test closed the connection: ClientPayload"),
        (aiohttp.InvalidURL(URL("https://a.test"), PROVIDER_KEY), Disconnected, "InvalidURL"),
        (ConnectionResetError(104, PROVIDER_KEY), Disconnected, "a.test closed the connection: ConnectionReset"),
    ],
)  # fmt: skip
async def test_what_goes_wrong_is_said_in_our_words_without_the_key(web, transport, raised, error, said):
    web.post(ADDRESS, exception=raised)
    with pytest.raises(error, match=said) as caught:
        await transport.send(ASKING, connect_timeout=5)
    assert PROVIDER_KEY not in repr(caught.value)
    assert caught.value.__suppress_context__


async def test_an_answer_that_breaks_off_is_disconnected(web, transport):
    web.post(ADDRESS, body=b"half")
    incoming = await transport.send(ASKING, connect_timeout=5)
    assert await incoming.read() == b"half"
    incoming._response.content.set_exception(aiohttp.ClientPayloadError(PROVIDER_KEY))
    with pytest.raises(Disconnected, match=r"a\.test closed the connection: ClientPayloadError"):
        await incoming.read()
    incoming.close()


async def test_no_cookie_is_kept(web, transport):
    web.post(ADDRESS, headers={"Set-Cookie": "a=b"})
    (await transport.send(ASKING, connect_timeout=5)).close()
    assert not list(transport._session.cookie_jar)
