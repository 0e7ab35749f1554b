"""The transport over aiohttp's client, told to leave the bytes alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from yarl import URL

from proxy.errors import ConnectFailure, Disconnected
from proxy.messages import Headers, Incoming, Outgoing

_OURS = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


@contextmanager
def mapped(host: str | None) -> Iterator[None]:
    """aiohttp's errors in our own words; never its repr, which can hold the request's key."""
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        raise ConnectFailure(f"cannot connect to {host}: {error.os_error.strerror or type(error).__name__}") from None
    except (aiohttp.ConnectionTimeoutError, aiohttp.SocketTimeoutError) as error:
        raise ConnectFailure(f"cannot connect to {host}: {type(error).__name__}") from None
    except (aiohttp.ClientError, OSError) as error:
        raise Disconnected(f"{host} closed the connection: {type(error).__name__}") from None


class SessionTransport:
    """No cookies, no redirects, no decompression, no limit of its own on connections."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_OURS,
            auto_decompress=False,
        )

    async def send(self, request: Outgoing, *, connect_timeout: float) -> Incoming:
        url = URL(request.url, encoded=True)
        timeout = aiohttp.ClientTimeout(total=None, connect=connect_timeout)
        with mapped(url.host):
            response = await self._session.request(
                request.method, url, headers=request.headers, data=request.body, timeout=timeout, allow_redirects=False
            )
        return SessionIncoming(response)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


class SessionIncoming:
    """aiohttp's response as an Incoming."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Headers = response.headers

    async def read(self) -> bytes:
        with mapped(self._response.url.host):
            return await self._response.content.readany()

    def close(self) -> None:
        self._response.close()
