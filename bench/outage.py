"""Load test of an outage: many streams, one of two simulated providers is stopped half-way: `python -m bench.outage`.

Counts what the clients received: complete answers, answers that end with an error event, and forbidden outcomes such as
silent truncation. Exits with 1 if there were any of the last kind.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from argparse import ArgumentParser
from collections import Counter
from dataclasses import dataclass, field, replace

import aiohttp
import orjson
import structlog

from proxy.config.process_schema import Admin, Listen
from proxy.generation import GenerationFactory
from proxy.pipeline import PipelineTerminals
from proxy.sandbox.adapt import adapt_snapshot
from proxy.sandbox.scenario import Scenario
from proxy.sandbox.server import Sandbox
from proxy.sidecar import Sidecar, StartupOptions, start
from proxy.sse import decode
from proxy.upstream.call import make_start_call

_FILE = """
pipeline: [header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  alpha: {{dialect: openai, base_url: "http://127.0.0.1:1/v1"}}
  bravo: {{dialect: {dialect}, base_url: "http://127.0.0.1:1"}}
models:
  m: {{alpha: claude-haiku-4-5, bravo: claude-haiku-4-5}}
"""
# Provider names of equal length, so that their answers have equal length and one can continue the other's.
SECOND_DIALECTS = {"prefill": "anthropic", "replay": "openai"}
"""Way to resume -> dialect of the second provider.

prefill: it continues the cut answer. replay: it starts over, and as the two providers' answers differ, every stream that
was cut must end with an error event.
"""
_EVENTS_PER_ANSWER = 18
_TEXT = "The quick brown fox jumps over the lazy dog; " * 5


@dataclass
class _Countdown:
    """Sets `reached` when `remaining` events have been counted."""

    remaining: int
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def count(self, events: int) -> None:
        self.remaining -= events
        if self.remaining <= 0:
            self.reached.set()


async def run_outage(streams: int, resume: str) -> Counter[str]:
    """Open that many streams, stop their provider half-way, and count the results."""
    sandbox, sidecar = await _start(resume)
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            half = _Countdown(streams * _EVENTS_PER_ANSWER // 2)
            requests = [
                asyncio.create_task(_send_request(session, sidecar.url, number, half)) for number in range(streams)
            ]
            await half.reached.wait()
            await sandbox.stop("alpha")
            return Counter(await asyncio.gather(*requests))
    finally:
        await sidecar.stop()
        await sandbox.close()


async def _start(resume: str) -> tuple[Sandbox, Sidecar]:
    generation = GenerationFactory({}, lambda path: "", PipelineTerminals(make_start_call, {})).build(
        _FILE.format(dialect=SECOND_DIALECTS[resume]), "routing.yaml", 1
    )
    snapshot = generation.snapshot
    sandbox = await Sandbox.start({name: provider.dialect for name, provider in snapshot.providers.items()})
    for name in sandbox.names:
        await sandbox.set_scenario(name, Scenario(latency_s=0.2, chunk_delay_s=0.1))
    urls = {name: sandbox.base_url(name) for name in sandbox.names}
    log = structlog.wrap_logger(structlog.ReturnLogger(), wrapper_class=structlog.make_filtering_bound_logger(50))
    launch = StartupOptions(
        replace(generation, snapshot=adapt_snapshot(snapshot, urls)),
        __file__,
        lambda text, number: generation,
        log.bind(),
        Listen(port=0),
        Admin(port=0),
    )
    return sandbox, await start(launch)


async def _send_request(session: aiohttp.ClientSession, url: str, number: int, half: _Countdown) -> str:
    """Read one stream to its end and return its class. Streams start over two seconds."""
    await asyncio.sleep(number % 100 / 50)
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": f"{number}: {_TEXT}"}]}
    headers = {"X-Provider-Preference": "alpha"}
    async with session.post(f"{url}/v1/chat/completions", json=body, headers=headers) as answer:
        if answer.status != 200:
            return f"status {answer.status}"
        received = b""
        async for data in answer.content.iter_any():
            received += data
            half.count(data.count(b"data: "))
        return classify_stream(received.decode(), f"{number}: {_TEXT}"[:200])


def classify_stream(body: str, echo: str) -> str:
    """Classify a client's stream. Forbidden results are in capitals.

    `echo` is the end of a complete answer.
    """
    data = [decode(f"{frame}\n\n".encode()).data for frame in body.split("\n\n") if frame]
    chunks = [orjson.loads(each) for each in data if each and each != b"[DONE]"]
    choices = [choice for chunk in chunks for choice in chunk.get("choices", ())]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    finished = any(choice.get("finish_reason") for choice in choices)
    if text.count("Hello from") > 1 or text.count("You said") > 1:
        return "DUPLICATED TEXT"
    if any("error" in chunk for chunk in chunks):
        return "ERROR AND TERMINAL EVENT" if b"[DONE]" in data or finished else "ended with an error event"
    if b"[DONE]" not in data or not finished:
        return "TRUNCATED WITHOUT AN ERROR"
    providers = {chunk["provider"] for chunk in chunks}
    return f"complete, from {' and '.join(sorted(providers))}" if text.endswith(echo) else "TRUNCATED BUT FINISHED"


def main() -> int:
    """Run the test. Return 1 if there was a forbidden result."""
    parser = ArgumentParser(prog="python -m bench.outage", description=__doc__)
    parser.add_argument("--streams", type=int, default=500, help="number of streams (default 500)")
    parser.add_argument("--resume", choices=SECOND_DIALECTS, default="prefill", help="how a cut answer is resumed")
    arguments = parser.parse_args()
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # errors of the stopped provider
    counts = asyncio.run(run_outage(arguments.streams, arguments.resume))
    for result, number in counts.most_common():
        print(f"{number:6} {result}")
    return int(any(result.isupper() for result in counts))


if __name__ == "__main__":
    sys.exit(main())
