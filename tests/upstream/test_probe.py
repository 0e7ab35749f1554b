"""A probe requests the provider's list of models and reports briefly what is wrong."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from base64 import b64encode
from contextlib import suppress
from dataclasses import replace
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from aioresponses import aioresponses

from proxy.config.snapshot import Target
from proxy.dialects import DIALECTS
from proxy.errors import EgressError, ResourceExhaustedError
from proxy.resilience.probes import ProbeResult
from proxy.sandbox.scenario import Fault
from proxy.sandbox.server import Sandbox
from proxy.upstream.http1 import local_errors
from proxy.upstream.http1.proxies import Proxies
from proxy.upstream.probe import MAX_RESPONSE_BYTES, Prober, build_probe_request
from tests.fakes import PROVIDER_KEY, generation

LOGIN = {"proxy-authorization": f"Basic {b64encode(b'me:secret').decode()}"}
KEY = ConnectionKey("a.test", 443, True, True, None, None, None)


def target(dialect: str = "openai", url: str = "https://a.test", more: str = "") -> Target:
    text = f"""
pipeline: [access_log, header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  a: {{dialect: {dialect}, base_url: "{url}", api_key: {PROVIDER_KEY}{more}}}
models: {{}}
"""
    return generation(text).snapshot.defaults_by_provider["a"][0]


async def probe_with(web: aioresponses, prober: Prober | None = None, **response: object) -> ProbeResult | None:
    """Probe `https://a.test/models` with a mocked response."""
    request = build_probe_request(target())
    web.get(request.url, **response)
    return await (prober or Prober()).probe(request, "openai", 3.0)


@pytest.mark.parametrize(
    ("dialect", "path", "headers"),
    [
        ("openai", "/models", {"authorization": f"Bearer {PROVIDER_KEY}"}),
        ("meta", "/models", {"authorization": f"Bearer {PROVIDER_KEY}"}),
        ("compatible", "/models", {"authorization": f"Bearer {PROVIDER_KEY}"}),
        ("anthropic", "/v1/models?limit=1", {"x-api-key": PROVIDER_KEY, "anthropic-version": "2023-06-01"}),
        ("google", "/v1beta/models?pageSize=1", {"x-goog-api-key": PROVIDER_KEY}),
        ("mistral", "/v1/models", {"authorization": f"Bearer {PROVIDER_KEY}"}),
        ("cohere", "/v1/models?page_size=1", {"authorization": f"Bearer {PROVIDER_KEY}"}),
    ],
)
def test_the_request_is_that_of_the_dialect(dialect: str, path: str, headers: dict[str, str]) -> None:
    request = build_probe_request(target(dialect))
    assert (request.method, request.url, request.body) == ("GET", f"https://a.test{path}", b"")
    assert request.headers.items() >= headers.items()
    assert request.headers.keys() - headers.keys() == {"accept-encoding", "user-agent"}


def test_query_headers_and_auth_apply_but_not_the_chat_path() -> None:
    request = build_probe_request(
        target("openai", more=", auth: api-key, path: /chat, query: {v: '1'}, headers: {X-Team: x}")
    )
    assert request.url == "https://a.test/models?v=1"
    assert request.headers["api-key"] == PROVIDER_KEY and request.headers["x-team"] == "x"


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
async def test_simulated_providers_pass_a_probe_and_fail_it_when_down(dialect: str) -> None:
    sandbox = await Sandbox.start({"a": dialect})
    try:
        request = build_probe_request(target(dialect, sandbox.base_url("a")))
        assert await Prober().probe(request, dialect, 5.0) is None
        await sandbox.set_fault("a", Fault("status", status=503))
        found = await Prober().probe(request, dialect, 5.0)
        assert found is not None and found.reason == "503"
        assert found.trigger in ("server_error", "model_overloaded")
        await sandbox.stop("a")
        assert await Prober().probe(request, dialect, 5.0) == ProbeResult("connection_error", "connection refused")
        await sandbox.restore("a")
        without_key = {name: value for name, value in request.headers.items() if PROVIDER_KEY not in value}
        found = await Prober().probe(type(request)(request.url, without_key, b"", "GET"), dialect, 5.0)
        assert found is not None and found.trigger == "auth_error"
    finally:
        await sandbox.close()


@pytest.mark.parametrize(
    ("status", "trigger"),
    [
        (301, "server_error"),
        (401, "auth_error"),
        (403, "auth_error"),
        (402, "quota"),
        (404, "not_found"),
        (429, "rate_limit"),
        (500, "server_error"),
        (529, "model_overloaded"),
    ],
)
async def test_a_status_is_classified_as_for_a_request(mocked_web: aioresponses, status: int, trigger: str) -> None:
    found = await probe_with(
        mocked_web, status=status, body=PROVIDER_KEY, headers={"Location": "http://169.254.169.254/"}
    )
    assert found == ProbeResult(trigger, str(status))
    assert len(mocked_web.requests) == 1


@pytest.mark.parametrize(
    ("error", "trigger", "reason"),
    [
        (TimeoutError(), "timeout", "no response within 3 s"),
        (aiohttp.ServerTimeoutError(), "timeout", "no response within 3 s"),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.ECONNREFUSED, "x")), "connection_error", "connection refused"),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "x")), "connection_error", "host name not found"),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "x")), "connection_error", "TLS handshake failed"),
        (
            aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError()),
            "connection_error",
            "TLS handshake failed",
        ),
        (aiohttp.ServerDisconnectedError(), "connection_error", "connection closed"),
        (aiohttp.ClientPayloadError(), "connection_error", "connection closed"),
        (aiohttp.ClientOSError(errno.ECONNRESET, "x"), "connection_error", "connection reset by peer"),
        (aiohttp.ClientOSError(), "connection_error", "no valid HTTP response"),
        (aiohttp.InvalidURL("x"), "connection_error", "no valid HTTP response"),
    ],
)
async def test_a_connection_error_is_described_briefly(
    mocked_web: aioresponses, error: Exception, trigger: str, reason: str
) -> None:
    assert await probe_with(mocked_web, exception=error) == ProbeResult(trigger, reason)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (OSError(errno.EMFILE, "Too many open files"), ResourceExhaustedError, "out of resources: too many open files"),
        (OSError(errno.ENOBUFS, "No buffer space"), ResourceExhaustedError, "out of resources: no buffer space"),
        (OSError(errno.ENETUNREACH, "x"), EgressError, "no route to a.test: this machine has no default route"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), EgressError, "no route to a.test: this machine has no default route"),
    ],
)
async def test_a_local_error_is_raised_instead_of_a_result(
    mocked_web: aioresponses, monkeypatch: pytest.MonkeyPatch, error: OSError, kind: type[Exception], message: str
) -> None:
    monkeypatch.setattr(local_errors, "has_route", lambda address: False)
    with pytest.raises(kind, match=f"^{message}$"):
        await probe_with(mocked_web, exception=aiohttp.ClientConnectorError(KEY, error))


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ClientProxyConnectionError(KEY, OSError(errno.ECONNREFUSED, "x")),
        aiohttp.ClientHttpProxyError(Mock(), (), status=407),
    ],
)
async def test_a_failure_of_the_forward_proxy_is_raised_instead_of_a_result(
    mocked_web: aioresponses, error: Exception
) -> None:
    with pytest.raises(EgressError, match="forward proxy"):
        await probe_with(mocked_web, exception=error)


async def test_a_407_without_a_tunnel_is_the_forward_proxys_too(mocked_web: aioresponses) -> None:
    with pytest.raises(EgressError, match="forward proxy"):
        await probe_with(mocked_web, status=407)


async def test_a_provider_that_the_proxy_cannot_reach_is_a_failure(mocked_web: aioresponses) -> None:
    error = aiohttp.ClientHttpProxyError(Mock(), (), status=502)
    assert await probe_with(mocked_web, exception=error) == ProbeResult("connection_error", "refused by the proxy")


async def test_only_the_beginning_of_a_response_is_read() -> None:
    sent, closed = 0, asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(b"x" * MAX_RESPONSE_BYTES)
                sent += MAX_RESPONSE_BYTES
                await writer.drain()
        writer.close()
        closed.set()

    async with await asyncio.start_server(endless, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await Prober().probe(build_probe_request(target(url=f"http://127.0.0.1:{port}")), "openai", 30.0) is None
        await closed.wait()
    assert sent < 1000 * MAX_RESPONSE_BYTES


async def test_redirects_are_not_followed_and_cookies_not_kept(mocked_web: aioresponses) -> None:
    await probe_with(mocked_web, status=200, headers={"Set-Cookie": "a=b"})
    await probe_with(mocked_web, status=200)
    for (call,) in [calls[i : i + 1] for calls in mocked_web.requests.values() for i in range(2)]:
        assert call.kwargs["allow_redirects"] is False
        assert "cookie" not in {name.lower() for name in call.kwargs["headers"]}


@pytest.mark.parametrize(
    ("environ", "proxy", "login"),
    [
        ({}, None, None),
        ({"HTTPS_PROXY": "http://p.test:3128"}, "http://p.test:3128", {}),
        ({"https_proxy": "http://me:secret@[::1]:3128"}, "http://[::1]:3128", LOGIN),
        ({"HTTPS_PROXY": "http://p.test:3128", "NO_PROXY": "a.test"}, None, None),
    ],
)
async def test_probes_use_the_forward_proxy_of_requests(
    mocked_web: aioresponses, environ: dict[str, str], proxy: str | None, login: dict[str, str] | None
) -> None:
    assert await probe_with(mocked_web, Prober(proxies=Proxies.from_environ(environ)), status=200) is None
    ((call,),) = mocked_web.requests.values()
    assert (call.kwargs.get("proxy"), call.kwargs.get("proxy_headers")) == (proxy, login)
    assert "proxy-authorization" not in call.kwargs["headers"]


async def test_proxy_credentials_are_sent_in_the_request_without_a_tunnel(mocked_web: aioresponses) -> None:
    mocked_web.get("http://a.test/models", status=200)
    prober = Prober(proxies=Proxies.from_environ({"http_proxy": "http://me:secret@p.test"}))
    assert await prober.probe(build_probe_request(target(url="http://a.test")), "openai", 3.0) is None
    ((call,),) = mocked_web.requests.values()
    assert call.kwargs["headers"].items() >= LOGIN.items() and call.kwargs["proxy"] == "http://p.test:80"


@pytest.mark.parametrize("url", ["https://a.test:70000", "https://a..test"])
async def test_an_invalid_url_is_a_failure(url: str) -> None:
    found = await Prober().probe(build_probe_request(replace(target(), base_url=url)), "openai", 3.0)
    assert found == ProbeResult("connection_error", "the provider's URL is not a valid http(s) URL")


async def test_an_invalid_header_is_a_failure_and_not_shown() -> None:
    sandbox = await Sandbox.start({"a": "openai"})
    try:
        request = build_probe_request(replace(target(), base_url=sandbox.base_url("a")))
        request.headers["x-team"] = "a\nb"
        assert await Prober().probe(request, "openai", 5.0) == ProbeResult(
            "connection_error", "a header that cannot be sent"
        )
    finally:
        await sandbox.close()


async def test_a_silent_provider_times_out() -> None:
    sandbox = await Sandbox.start({"a": "openai"})
    try:
        await sandbox.set_fault("a", Fault("stall", after=None))
        request = build_probe_request(replace(target(), base_url=sandbox.base_url("a")))
        assert await Prober().probe(request, "openai", 0.05) == ProbeResult("timeout", "no response within 0.05 s")
    finally:
        await sandbox.close()
