"""One probe: a provider's list of models is asked for, over a connection of its own."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from yarl import URL

from proxy import __version__
from proxy.config.snapshot import Target
from proxy.dialects import DIALECTS
from proxy.errors import ConnectError, EgressError, ParrotError
from proxy.messages import Headers, UpstreamRequest
from proxy.resilience.probes import ProbeResult
from proxy.upstream.attempt import build_upstream_request
from proxy.upstream.http1.local_errors import local_error
from proxy.upstream.http1.origin import parse_target
from proxy.upstream.http1.proxies import Proxies

MAX_RESPONSE_BYTES = 64 * 2**10
"""Bytes that are read of an answer: its status says nearly all."""

_PROBE_HEADERS = {"accept-encoding": "identity", "user-agent": f"parrot-sidecar/{__version__}"}

_DESCRIPTIONS: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "name not found"),
    (aiohttp.ClientSSLError, "no TLS"),
    (aiohttp.ClientHttpProxyError, "refused by the proxy"),
    (aiohttp.ServerDisconnectedError, "connection closed"),
    (aiohttp.ClientPayloadError, "connection closed"),
)


def build_probe_request(target: Target) -> UpstreamRequest:
    """What one target's provider is asked, with the file's own headers and key."""
    dialect = DIALECTS[target.provider.dialect]
    unled = replace(target, provider=replace(target.provider, path=None))  # the file's path is that of its chat
    asked = build_upstream_request(unled, dialect, dialect.list_models_request, _PROBE_HEADERS)
    headers = {name: value for name, value in asked.headers.items() if name != "content-type"}
    return UpstreamRequest(asked.url, headers, b"", "GET")


@dataclass(frozen=True, slots=True)
class Prober:
    """Asks providers; nothing is kept between two probes, so each shows whether a connection can still be made."""

    tls: ssl.SSLContext | bool = True
    proxies: Proxies = field(default_factory=lambda: Proxies({}))

    async def probe(self, request: UpstreamRequest, dialect: str, timeout_s: float) -> ProbeResult | None:
        """What is wrong, or None; nothing of a key is in it.

        Raises ResourceExhaustedError and EgressError: what is wrong then is here, and not with the provider."""
        try:
            status, headers, body = await self._fetch(request, timeout_s)
        except TimeoutError:
            return ProbeResult("timeout", f"no answer within {timeout_s:g} s")
        except (aiohttp.ClientError, OSError) as error:
            if (trouble := _local_error(error, request)) is not None:
                raise trouble from error
            return ProbeResult("connection_error", _describe(error))
        except ConnectError as error:
            return ProbeResult(error.trigger, str(error))
        except ValueError:  # the file's headers are sent as they stand there
            return ProbeResult("connection_error", "a header that cannot be sent")
        if 200 <= status < 300:
            return None
        return ProbeResult(DIALECTS[dialect].translate_error(status, headers, body).trigger, str(status))

    async def _fetch(self, request: UpstreamRequest, within: float) -> tuple[int, Headers, bytes]:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self.tls, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=within),
                auto_decompress=False,
            ) as session,
            session.get(
                URL(request.url, encoded=True),
                allow_redirects=False,
                **self._proxy_options(request),
            ) as answer,
        ):
            return answer.status, answer.headers, await _read_beginning(answer.content)

    def _proxy_options(self, request: UpstreamRequest) -> dict[str, Any]:
        """The headers, and the forward proxy that live requests would take."""
        route = self.proxies.route(parse_target(request.url).origin)
        if (proxy := route.proxy) is None:
            return {"headers": request.headers}
        login = {"proxy-authorization": proxy.authorization} if proxy.authorization else {}
        host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
        url = f"http://{host}:{proxy.port}"
        if route.is_tunnelled:  # the provider must not see it
            return {"headers": request.headers, "proxy": url, "proxy_headers": login}
        return {"headers": {**request.headers, **login}, "proxy": url}


def _local_error(error: BaseException, request: UpstreamRequest) -> ParrotError | None:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return EgressError("the forward proxy refused a probe (407)") if error.status == 407 else None
    cause = getattr(error, "os_error", error)  # aiohttp's own errors keep the system's
    trouble = local_error(cause, parse_target(request.url).origin.host) if isinstance(cause, OSError) else None
    if trouble is None and isinstance(error, aiohttp.ClientProxyConnectionError):
        return EgressError("no connection to the forward proxy")
    return trouble


async def _read_beginning(content: aiohttp.StreamReader) -> bytes:
    body = b""
    while len(body) < MAX_RESPONSE_BYTES and (more := await content.read(MAX_RESPONSE_BYTES - len(body))):
        body += more
    return body


def _describe(error: BaseException) -> str:
    """What went wrong, without the address: the provider's name stands beside it."""
    for kind, words in _DESCRIPTIONS:
        if isinstance(error, kind):
            return words
    number = getattr(error, "errno", None)
    return os.strerror(number).lower() if isinstance(number, int) and number > 0 else "no HTTP answer"
