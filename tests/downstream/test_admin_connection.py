"""The admin listener over real sockets: its answers have the same form, whatever it is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from proxy import __version__
from proxy.downstream.parse_errors import MAX_HEADERS
from proxy.sidecar import start
from tests.running import TWO_PROVIDERS, CapturedLog, build_generation, startup_options

HOST = "Host: localhost"
Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
async def url() -> AsyncIterator[str]:
    sidecar = await start(startup_options(build_generation(TWO_PROVIDERS), CapturedLog()))
    sidecar.config_task.cancel()
    yield sidecar.admin_url
    await sidecar.stop()


async def exchange_bytes(url: str, sent: bytes) -> Answer:
    """Send bytes on a new connection; return status, headers in lower case and body once the sidecar has closed it."""
    reader, writer = await asyncio.open_connection(*url.removeprefix("http://").rsplit(":", 1))
    writer.write(sent)
    async with asyncio.timeout(10):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    line, *lines = head.decode().split("\r\n")
    assert line.startswith("HTTP/1.1 ")
    return int(line.split()[1]), {name.lower(): value for name, value in (each.split(": ", 1) for each in lines)}, body


def head(line: str, *lines: str) -> bytes:
    return "\r\n".join([line, HOST, "Connection: close", *lines]).encode() + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (head("GET /healthz HTTP/1.1"), 200),
        (head("GET http://127.0.0.1:1/admin/config HTTP/1.1"), 200),
        (head("GET http://evil.test/admin/config HTTP/1.1"), 403),
        (head("GET /admin/config HTTP/1.1", "Connection: upgrade", "Upgrade: h2c"), 200),
        (head("GET ftp://localhost/admin/config HTTP/1.1"), 400),
        (head("GET /unknown HTTP/1.1"), 404),
        (head("OPTIONS /healthz HTTP/1.1"), 405),
        (head("OPTIONS * HTTP/1.1"), 405),
        (head("CONNECT localhost:1 HTTP/1.1"), 405),
        (head(f"GET /{'a' * 9000} HTTP/1.1"), 414),
        (head("POST /admin/reload HTTP/1.1", "Expect: more"), 417),
        (head("GET /healthz HTTP/1.1", *["X-A: 1"] * MAX_HEADERS), 431),
        (head("GET /healthz HTTP/1.1", f"X-A: {'a' * 9000}"), 431),
        (head("POST /admin/reload HTTP/1.1", "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n", 501),
        (head("GET /healthz HTTP/2.0"), 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"secret\r\n\r\n", 400),
    ],
)
async def test_every_answer_is_json_from_this_server_and_ends_its_connection(
    url: str, sent: bytes, status: int
) -> None:
    got, headers, body = await exchange_bytes(url, sent)
    assert (got, headers["server"]) == (status, f"parrot/{__version__}")
    assert headers["content-type"].startswith("application/json") and len(body) == int(headers["content-length"])
    assert ("error" in json.loads(body)) is (status != 200) and b"secret" not in body
    assert headers["connection"] == "close"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/admin/config"])
async def test_head_is_answered_as_get_without_its_body(url: str, path: str) -> None:
    status, headers, body = await exchange_bytes(url, head(f"GET {path} HTTP/1.1"))
    head_status, head_headers, nothing = await exchange_bytes(url, head(f"HEAD {path} HTTP/1.1"))
    assert (head_status, nothing) == (status, b"") == (200, b"")
    assert head_headers["content-type"] == headers["content-type"]
    if path != "/metrics":  # which differ
        assert int(head_headers["content-length"]) == len(body)


@pytest.mark.parametrize("path", ["/healthz", "/admin/config"])
async def test_other_methods_are_told_those_that_are_allowed(url: str, path: str) -> None:
    _, headers, _ = await exchange_bytes(url, head(f"PUT {path} HTTP/1.1"))
    assert headers["allow"] == "GET, HEAD"


async def test_a_mutation_is_not_done_by_head(url: str) -> None:
    status, headers, _ = await exchange_bytes(url, head("HEAD /admin/drain HTTP/1.1"))
    assert (status, headers["allow"]) == (405, "POST")
    assert (await exchange_bytes(url, head("GET /readyz HTTP/1.1")))[0] == 200
