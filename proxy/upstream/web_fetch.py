"""Fetches images and files from the web, over connections to public addresses only."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from proxy.attempts.fetch import Fetched, FetchLimits, fetch
from proxy.deadline_timer import DeadlineTimer
from proxy.errors import ConnectError, ResponseTooLargeError, UpstreamError, UpstreamTimeout
from proxy.file_fetches import FileFetchError
from proxy.messages import UpstreamRequest
from proxy.upstream.http1.dial import Dialer
from proxy.upstream.http1.resolver import Address, Lookup, Resolver, system_lookup
from proxy.upstream.http1.transport import Http1Transport
from proxy.upstream.public_address import is_public

TIMEOUT_S = 10.0
"""Until the file is here, with all redirects."""
CONNECT_TIMEOUT_S = 5.0
MAX_LOOKUPS = 64
"""Names that are looked up at a time."""
MAX_REDIRECTS = 3
MAX_FILE_BYTES = 20 * 2**20
_REDIRECTS = (301, 302, 303, 307, 308)
_SCHEMES = ("http", "https")
_HEADERS = {"accept": "image/*, application/pdf"}
_UNREACHABLE = "its host cannot be reached, or is not a public one"
"""One reason for both, so that it does not tell what is in the network of the sidecar."""


@dataclass(slots=True)
class WebFetcher:
    """Fetches files. Nothing of a client, a provider or a proxy is in its requests, and each has a connection of its own."""

    tls: ssl.SSLContext
    timer: DeadlineTimer = field(default_factory=DeadlineTimer)
    lookup: Lookup = system_lookup
    is_allowed: Callable[[str], bool] = is_public
    """Whether a connection may be made to an IP address."""
    _lookups: int = field(default=0, init=False)
    """Under way. Each has a thread, which may go on long after its file was given up."""

    async def fetch(self, url: str, count: Callable[[int], None]) -> bytes:
        """Return the file. `count` is called with the size of each part. Raises FileFetchError and ResourceExhaustedError."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._follow(url, count)
        except (TimeoutError, UpstreamTimeout):
            raise FileFetchError(f"did not arrive within {TIMEOUT_S:g} s") from None
        except ResponseTooLargeError:
            raise FileFetchError(f"is over {MAX_FILE_BYTES // 2**20} MiB") from None
        except ConnectError:
            raise FileFetchError(_UNREACHABLE) from None
        except UpstreamError:
            raise FileFetchError("its server did not send it") from None

    async def _follow(self, url: str, count: Callable[[int], None]) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._get(url, count)
            if response.status == 200:
                return response.body
            location = response.headers.get("location")
            if response.status not in _REDIRECTS or location is None:
                raise FileFetchError(f"its server responded with {response.status}")
            url = _resolved(url, location)
        raise FileFetchError(f"is behind more than {MAX_REDIRECTS} redirects")

    async def _get(self, url: str, count: Callable[[int], None]) -> Fetched:
        _check_url(url)
        transport = Http1Transport(Dialer(self.tls, _CheckedResolver(self._look_up, self.is_allowed)), timer=self.timer)
        limits = FetchLimits(TIMEOUT_S, CONNECT_TIMEOUT_S, MAX_FILE_BYTES, count)
        try:
            return await fetch(transport, UpstreamRequest(url, _HEADERS, b"", "GET"), limits)
        finally:
            transport.close()

    async def _look_up(self, host: str, port: int) -> list[Address]:
        if self._lookups >= MAX_LOOKUPS:
            raise OSError("too many lookups are under way")
        self._lookups += 1
        try:
            return await self.lookup(host, port)
        finally:
            self._lookups -= 1


class _CheckedResolver(Resolver):
    """Finds addresses that a connection may be made to. The connection is made to what it returns."""

    def __init__(self, lookup: Lookup, is_allowed: Callable[[str], bool]) -> None:
        super().__init__(lookup)
        self._is_allowed = is_allowed

    async def resolve(self, host: str, port: int) -> list[Address]:
        """Return at least one address. Raises OSError, also if one of them is not allowed."""
        addresses = await super().resolve(host, port)
        if not all(self._is_allowed(address.sockaddr[0]) for address in addresses):
            raise OSError("an address that is not allowed")
        return addresses


def _resolved(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise FileFetchError("is not a valid URL") from None


def _check_url(url: str) -> None:
    """Raise FileFetchError for what is no web address, or has a password in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise FileFetchError("is not a valid URL") from None
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise FileFetchError("is not an http: or https: URL")
    if "@" in parts.netloc:
        raise FileFetchError("must not have a user name or password in it")
