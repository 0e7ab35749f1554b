"""Active health check of one provider: requests its list of models over a new connection."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from proxy import __version__
from proxy.attempts.upstream_request import build_upstream_request
from proxy.config.snapshot import Target
from proxy.dialects import DIALECTS
from proxy.errors import ConnectError, EgressError, ParrotError
from proxy.messages import Headers, UpstreamRequest
from proxy.resilience.probes import ProbeResult
from proxy.upstream.http1.local_errors import local_error
from proxy.upstream.http1.origin import parse_target
from proxy.upstream.http1.proxies import Proxies
from proxy.upstream.probe_resolver import SystemResolver

MAX_RESPONSE_BYTES = 64 * 2**10
"""How much of a response is read, as only its status is used."""

_PROBE_HEADERS = {"accept-encoding": "identity", "user-agent": f"parrot-sidecar/{__version__}"}

_DESCRIPTIONS: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "host name not found"),
    (aiohttp.ClientSSLError, "TLS handshake failed"),
    (aiohttp.ClientHttpProxyError, "refused by the proxy"),
    (aiohttp.ServerDisconnectedError, "connection closed"),
    (aiohttp.ClientPayloadError, "connection closed"),
)


def build_probe_request(target: Target) -> UpstreamRequest:
    """Build the request for the list of models, with the provider's headers and key."""
    dialect = DIALECTS[target.provider.dialect]
    request = build_upstream_request(target, dialect, dialect.list_models_request, _PROBE_HEADERS)
    headers = {name: value for name, value in request.headers.items() if name != "content-type"}
    return UpstreamRequest(request.url, headers, b"", "GET")


@dataclass(frozen=True, slots=True)
class Prober:
    """Sends probes. Each opens its own connection, so that it shows whether one can be made."""

    tls: ssl.SSLContext | bool = True
    proxies: Proxies = field(default_factory=lambda: Proxies({}))

    async def probe(self, request: UpstreamRequest, dialect: str, timeout_s: float) -> ProbeResult | None:
        """Send a probe and return what is wrong, without any part of a key, or None.

        Raises ResourceExhaustedError or EgressError if this machine is the cause, not the provider.
        """
        try:
            status, headers, body = await self._fetch(request, timeout_s)
        except TimeoutError:
            return ProbeResult("timeout", f"no response within {timeout_s:g} s")
        except (aiohttp.ClientError, OSError) as error:
            if (local := _local_error(error, request)) is not None:
                raise local from error
            return ProbeResult("connection_error", _describe(error))
        except ConnectError as error:
            return ProbeResult(error.trigger, str(error))
        except ValueError:  # from aiohttp, for a header in routing.yaml
            return ProbeResult("connection_error", "a header that cannot be sent")
        if 200 <= status < 300:
            return None
        if status == 407:  # without a tunnel it is the forward proxy's own response
            raise EgressError("the forward proxy refused a probe (407)")
        return ProbeResult(DIALECTS[dialect].translate_error(status, headers, body).trigger, str(status))

    async def _fetch(self, request: UpstreamRequest, timeout_s: float) -> tuple[int, Headers, bytes]:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self.tls, force_close=True, resolver=SystemResolver()),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                auto_decompress=False,
            ) as session,
            session.get(
                URL(request.url, encoded=True),
                allow_redirects=False,
                **self._proxy_options(request),
            ) as response,
        ):
            return response.status, response.headers, await _read_beginning(response.content)

    def _proxy_options(self, request: UpstreamRequest) -> dict[str, Any]:
        """Return aiohttp's options for the headers and the forward proxy that requests to this URL take."""
        route = self.proxies.route(parse_target(request.url).origin)
        if (proxy := route.proxy) is None:
            return {"headers": request.headers}
        credentials = {"proxy-authorization": proxy.authorization} if proxy.authorization else {}
        host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
        url = f"http://{host}:{proxy.port}"
        if route.is_tunnelled:  # the credentials must not reach the provider
            return {"headers": request.headers, "proxy": url, "proxy_headers": credentials}
        return {"headers": {**request.headers, **credentials}, "proxy": url}


def _local_error(error: BaseException, request: UpstreamRequest) -> ParrotError | None:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return EgressError("the forward proxy refused a probe (407)") if error.status == 407 else None
    cause = getattr(error, "os_error", error)  # aiohttp's errors hold the system's
    local = local_error(cause, parse_target(request.url).origin.host) if isinstance(cause, OSError) else None
    if local is None and isinstance(error, aiohttp.ClientProxyConnectionError):
        return EgressError("cannot connect to the forward proxy")
    return local


async def _read_beginning(content: aiohttp.StreamReader) -> bytes:
    body = b""
    while len(body) < MAX_RESPONSE_BYTES and (data := await content.read(MAX_RESPONSE_BYTES - len(body))):
        body += data
    return body


def _describe(error: BaseException) -> str:
    """Return the cause without the address: it is shown next to the provider's name."""
    for kind, description in _DESCRIPTIONS:
        if isinstance(error, kind):
            return description
    number = getattr(error, "errno", None)
    return os.strerror(number).lower() if isinstance(number, int) and number > 0 else "no valid HTTP response"
