"""`make soak`: two minutes of everything that may go wrong at once, against a `parrot serve` process.

One of two providers flaps: it answers with errors, breaks connections and cuts streams. routing.yaml is rewritten every
second. Some clients vanish, and hostile ones send half requests, garbage and bodies byte by byte, or never read. Meanwhile
ordinary clients check every answer. At the end nothing may be lost, and memory and descriptors must be where they were.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

WORDS = [f"word{number} " for number in range(40)]
TEXT = "".join(WORDS)
CLIENTS, HOSTILE_CLIENTS = 12, 6
WARM_UP = 0.3
"""The part of the time after which memory may no longer grow."""
MAX_GROWTH_MB = 12
MAX_MORE_DESCRIPTORS = 8

FILE = """
listen: {{port: 0}}
admin: {{port: 0}}
pipeline:
  - access_log
  - auth
  - header_policy
  - limits: {{max_inflight: 200}}
  - strategy
  - sse_passthrough
  - failover
  - translate
providers:
  flapping: {{dialect: openai, base_url: "http://127.0.0.1:{flapping}/v1", api_key: sk-flapping-1234567, weight: {weight}}}
  steady: {{dialect: openai, base_url: "http://127.0.0.1:{steady}/v1", api_key: sk-steady-1234567, weight: {weight}}}
models: {{m: {{flapping: m-1, steady: m-2}}}}
"""


# The providers.

HEAD = "HTTP/1.1 {} OK\r\nContent-Type: {}\r\n"


def event(content: str | None, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {} if content is None else {"content": content}, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c", "model": "m-1", "choices": [choice]}).encode() + b"\n\n"


def whole(status: int, body: dict[str, Any]) -> bytes:
    data = json.dumps(body).encode()
    return f"{HEAD.format(status, 'application/json')}Content-Length: {len(data)}\r\n\r\n".encode() + data


ANSWER = whole(
    200,
    {"id": "c", "model": "m-1", "choices": [{"index": 0, "message": {"content": TEXT}, "finish_reason": "stop"}],
     "usage": {"prompt_tokens": 5, "completion_tokens": 40, "total_tokens": 45}},
)  # fmt: skip
ERROR = {"error": {"message": "no"}}


@dataclass
class Provider:
    """Answers chats, and fails as often as `fault_rate` says."""

    fault_rate: float
    random: Random
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._answer(reader, writer):
                pass
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        body = json.loads(await reader.readexactly(int(length[1]) if length else 0))
        fault = (
            self.random.choice(["500", "429", "reset", "cut", "junk"]) if self.random.random() < self.fault_rate else ""
        )
        if fault == "reset":
            writer.transport.abort()
            return False
        if fault in ("500", "429", "junk"):
            writer.write(b"junk\r\n\r\n" if fault == "junk" else whole(int(fault), ERROR))
            return fault != "junk"
        if not body.get("stream"):
            writer.write(ANSWER[:-40] if fault == "cut" else ANSWER)
            return fault != "cut"
        return await self._stream(writer, self.random.randrange(30) if fault == "cut" else None)

    async def _stream(self, writer: asyncio.StreamWriter, cut_after: int | None) -> bool:
        writer.write(f"{HEAD.format(200, 'text/event-stream')}Transfer-Encoding: chunked\r\n\r\n".encode())
        for number, each in enumerate([*map(event, WORDS), event(None, "stop"), b"data: [DONE]\n\n"]):
            if number == cut_after:
                return False
            writer.write(b"%x\r\n%b\r\n" % (len(each), each))
            await writer.drain()
            await asyncio.sleep(0.005)
        writer.write(b"0\r\n\r\n")
        return True


# The clients.


@dataclass
class Tally:
    """What came of the requests."""

    ended: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)


@dataclass
class Clients:
    """Clients of one sidecar, until they are cancelled."""

    url: str
    tally: Tally
    random: Random

    async def run(self, one: Callable[[], Awaitable[None]]) -> None:
        while True:
            await one()

    async def ordinary(self, http: aiohttp.ClientSession) -> None:
        """Send one chat and compare the answer with what any provider answers."""
        stream = self.random.random() < 0.6
        body = {
            "model": "m",
            "stream": stream,
            "messages": [{"role": "user", "content": "x" * self.random.randrange(5000)}],
        }
        async with http.post(f"{self.url}/v1/chat/completions", json=body) as response:
            data = await response.text()
        if response.status != 200 or _text(data, stream) != TEXT:
            self.tally.lost.append(f"{response.status} {data[-300:]!r}")
        self.tally.ended["stream" if stream else "complete"] += 1

    async def vanishing(self, http: aiohttp.ClientSession) -> None:
        """Leave in the middle of a stream."""
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
        response = await http.post(f"{self.url}/v1/chat/completions", json=body)
        await response.content.readany()
        response.close()
        self.tally.ended["vanished"] += 1

    async def hostile(self) -> None:
        """Do one thing that no client should do."""
        host, port = self.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        kind = self.random.choice(["half a body", "garbage", "many headers", "does not read", "deep", "wide"])
        with contextlib.suppress(ConnectionError, TimeoutError):
            writer.write(HOSTILE[kind])
            if kind == "does not read":
                await asyncio.sleep(2)
            else:
                await asyncio.wait_for(reader.read(65536), 1)
        writer.transport.abort()
        self.tally.ended[kind] += 1


def _text(data: str, stream: bool) -> str:
    if not stream:
        return str(json.loads(data)["choices"][0]["message"]["content"])
    chunks = [json.loads(line[6:]) for line in data.splitlines() if line.startswith("data: {")]
    if not data.endswith("data: [DONE]\n\n"):
        return ""
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk.get("choices"))


def _post(body: bytes, length: int | None = None) -> bytes:
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length or len(body)}\r\n\r\n"
    return head.encode() + body


_ASK = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}'
HOSTILE = {
    "half a body": _post(_ASK, 100_000),
    "garbage": bytes(range(256)) * 8,
    "many headers": b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 5000 + b"\r\n",
    "does not read": _post(_ASK) * 30,
    "deep": _post(b"[" * 2_000_000),
    "wide": _post(b'{"model":"m","messages":[' + b"1," * 500_000 + b"1]}"),
}


# The run.


@contextlib.asynccontextmanager
async def serving(path: Path) -> AsyncIterator[tuple[int, str]]:
    """Run `parrot serve`. Yields its process id and its address."""
    argv = ["-m", "proxy", "serve", "-c", str(path), "--port", "0", "--admin-port", "0", "--log-format", "json"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        url = re.search(r"http://[\d.:]+", (await process.stdout.readline()).decode())
        assert url is not None, "parrot serve did not start"
        yield process.pid, url[0]
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 40)
    assert process.returncode == 0, f"exit code {process.returncode}"


def usage(pid: int) -> tuple[int, int]:
    """Return the resident memory of a process in MB, and its number of open descriptors."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident = re.search(r"VmRSS:\s+(\d+)", status)
    assert resident is not None
    return int(resident[1]) // 1024, len(os.listdir(f"/proc/{pid}/fd"))


def write(path: Path, ports: dict[str, int], weight: int) -> None:
    path.write_text(FILE.format(weight=weight, **ports))


async def rewrite(path: Path, ports: dict[str, int]) -> None:
    """Change the weights every second."""
    for number in count():
        write(path, ports, number % 7 + 1)
        await asyncio.sleep(1)


async def soak(seconds: float, seed: int) -> int:
    """Run it. Returns the exit code."""
    random, tally = Random(seed), Tally()
    providers = {"flapping": Provider(0.3, random), "steady": Provider(0.0, random)}
    async with contextlib.AsyncExitStack() as stack:
        ports = {}
        for name, provider in providers.items():
            server = await stack.enter_async_context(await asyncio.start_server(provider.serve, "127.0.0.1", 0))
            ports[name] = server.sockets[0].getsockname()[1]
        path = Path(stack.enter_context(TemporaryDirectory())) / "routing.yaml"
        write(path, ports, 1)
        pid, url = await stack.enter_async_context(serving(path))
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        clients = Clients(url, tally, random)
        jobs = [clients.run(lambda: clients.ordinary(http)) for _ in range(CLIENTS)]
        jobs += [clients.run(lambda: clients.vanishing(http)), clients.run(lambda: clients.vanishing(http))]
        jobs += [clients.run(clients.hostile) for _ in range(HOSTILE_CLIENTS)]
        tasks = [asyncio.create_task(each) for each in (*jobs, rewrite(path, ports))]
        await asyncio.sleep(seconds * WARM_UP)
        before = usage(pid)
        await asyncio.sleep(seconds * (1 - WARM_UP))
        after = usage(pid)
        failed = [task.exception() for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return report(tally, before, after, failed)


def report(tally: Tally, before: tuple[int, int], after: tuple[int, int], failed: list[Any]) -> int:
    """Print what came of it. Returns 1 if something was lost or has grown."""
    print(", ".join(f"{number} x {kind}" for kind, number in sorted(tally.ended.items())))
    print(f"memory {before[0]} -> {after[0]} MB, descriptors {before[1]} -> {after[1]}, lost {len(tally.lost)}")
    for each in [*tally.lost[:5], *failed[:5]]:
        print(f"  {each}")
    grown = after[0] - before[0] > MAX_GROWTH_MB or after[1] - before[1] > MAX_MORE_DESCRIPTORS
    return int(bool(tally.lost or failed) or grown)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    sys.exit(asyncio.run(soak(arguments.seconds, arguments.seed)))
