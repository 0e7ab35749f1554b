"""The memory of a serving process stays bounded, and its gauge is true."""

from __future__ import annotations

import asyncio
import base64
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import orjson
import pytest

from tests.cli.serve_process import ServeProcess
from tests.fakes import chunk_event

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

MB = 10**6
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n"
STREAM = HEAD % b"text/event-stream" + b"Transfer-Encoding: chunked\r\n\r\n"
FILE = """
pipeline: [access_log, auth, header_policy, {{limits: {{max_buffered: {limit}}}}}, strategy, sse_passthrough, failover, translate]
providers: {{a: {{dialect: openai, base_url: "http://127.0.0.1:{port}/v1", api_key: sk-test-1234567}}}}
models: {{m: {{a: m-a}}}}
"""

Answer = Callable[[asyncio.StreamWriter], None]


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def begin_stream(writer: asyncio.StreamWriter) -> None:
    """Send the first content of a stream, and nothing more."""
    writer.write(STREAM + chunked(chunk_event("Hello")))


def endless_stream(writer: asyncio.StreamWriter) -> None:
    """Send far more than a client may leave unread."""
    writer.write(STREAM + chunked(chunk_event("x" * 1000)) * 8000)


def unfinished_response(writer: asyncio.StreamWriter) -> None:
    """Send a large response of which the last byte is missing, so that it has to be held."""
    writer.write(HEAD % b"application/json" + b"Content-Length: %d\r\n\r\n" % (6 * MB + 1) + b" " * 6 * MB)


@asynccontextmanager
async def serving(folder: Path, answer: Answer, limit: str) -> AsyncIterator[ServeProcess]:
    """Run `parrot serve` in front of a provider."""

    async def provide(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            assert length is not None
            await reader.readexactly(int(length[1]))
            answer(writer)
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async with await asyncio.start_server(provide, "127.0.0.1", 0, limit=2**20) as provider:
        path = folder / "routing.yaml"
        path.write_text(FILE.format(limit=limit, port=provider.sockets[0].getsockname()[1]))
        with ServeProcess(str(path), "--host", "127.0.0.1") as served:
            yield served


async def send(served: ServeProcess, body: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a chat on a connection of its own, whose response is read only as far as it is asked for."""
    host, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=4096)
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    await writer.drain()
    return reader, writer


def resident_mb(served: ServeProcess) -> float:
    status = Path(f"/proc/{served.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024 / MB


async def buffered(served: ServeProcess) -> float:
    """Return what the gauge says, in MB."""
    response = await asyncio.to_thread(served.request, served.admin, "/metrics")
    with response:
        found = re.search(r"^parrot_buffered_bytes (\S+)$", response.read().decode(), re.MULTILINE)
    assert found is not None
    return float(found[1]) / MB


def chat(**members: object) -> bytes:
    return orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], **members})


async def test_a_stream_holds_its_request_once_and_for_no_longer_than_it_may_be_resumed(tmp_path: Path) -> None:
    image = "data:image/png;base64," + base64.b64encode(bytes(6 * MB)).decode()
    parts = [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": image}}]
    body = chat(stream=True, messages=[{"role": "user", "content": parts}])
    resumable, final = 5 * [body], 5 * [chat(stream=True, messages=[{"role": "user", "content": parts}], n=2)]
    async with serving(tmp_path, begin_stream, "auto") as served:
        before = resident_mb(served)
        for bodies, factor in ((final, 0.0), (resumable, 1.0)):
            open_streams = [await send(served, each) for each in bodies]
            for reader, _ in open_streams:
                await reader.readuntil(b"Hello")
            held = factor * sum(map(len, bodies)) / MB
            assert await buffered(served) == pytest.approx(held, abs=0.1)
            assert resident_mb(served) - before < held * 1.1 + 25
            for _, writer in open_streams:
                writer.close()


async def test_clients_that_do_not_read_are_counted_and_cost_little(tmp_path: Path) -> None:
    async with serving(tmp_path, endless_stream, "auto") as served:
        before = resident_mb(served)
        clients = [await send(served, chat(stream=True)) for _ in range(30)]
        for reader, _ in clients:
            await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(30):
            while (counted := await buffered(served)) < len(clients) * 0.06:
                pass
        assert resident_mb(served) - before < counted * 2 + len(clients) * 0.4
        for _, writer in clients:
            writer.transport.abort()
        async with asyncio.timeout(30):
            while await buffered(served):
                pass


async def test_responses_that_are_held_count_for_the_limit_and_over_it_requests_are_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, unfinished_response, "16MiB") as served:
        before = resident_mb(served)
        clients = [await send(served, chat()) for _ in range(8)]
        answers = {asyncio.create_task(reader.readline()) for reader, _ in clients}
        refused: set[asyncio.Task[bytes]] = set()
        async with asyncio.timeout(40):
            while len(refused) < 6:  # two responses have room
                done, answers = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
                refused |= done
        assert {each.result().split()[1] for each in refused} == {b"503"}
        assert await buffered(served) < 17
        assert resident_mb(served) - before < 3 * 17 + 40
        for _, writer in clients:
            writer.transport.abort()
        await asyncio.gather(*answers, return_exceptions=True)
        async with asyncio.timeout(30):
            while await buffered(served):
                pass
