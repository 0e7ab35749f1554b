"""Many streams over two simulated providers, one of which is killed half-way: `python -m bench.outage`.

Counts what the clients got: whole answers, true errors, and what there must be none of."""

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

from proxy.config.schema import Admin, Listen
from proxy.generation import GenerationFactory
from proxy.pipeline import PipelineTerminals
from proxy.sandbox.adapt import adapt_snapshot
from proxy.sandbox.scenario import Scenario
from proxy.sandbox.server import Sandbox
from proxy.sidecar import Sidecar, StartupOptions, start
from proxy.sse import decode
from proxy.upstream.attempt import call_upstream

_FILE = """
pipeline: [header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  alpha: {{dialect: openai, base_url: "http://127.0.0.1:1/v1"}}
  bravo: {{dialect: {dialect}, base_url: "http://127.0.0.1:1"}}
models:
  m: {{alpha: claude-haiku-4-5, bravo: claude-haiku-4-5}}
"""
# Names of one length, so that their answers are too, and one can go on exactly where the other was cut.
SECOND_DIALECTS = {"prefill": "anthropic", "over": "openai"}
"""How the second provider goes on with a cut answer: from where it was cut, or by starting over."""
_EVENTS = 18
"""Of one answer."""
_SAID = "The quick brown fox jumps over the lazy dog; " * 5


@dataclass
class _Half:
    """Comes when so many events have."""

    left: int
    come: asyncio.Event = field(default_factory=asyncio.Event)

    def count(self, events: int) -> None:
        self.left -= events
        if self.left <= 0:
            self.come.set()


async def run_outage(streams: int, way: str) -> Counter[str]:
    """What came of so many streams, all under way when their provider is killed, or about to begin."""
    sandbox, sidecar = await _house(way)
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            half = _Half(streams * _EVENTS // 2)
            asking = [asyncio.create_task(_asked(session, sidecar.url, number, half)) for number in range(streams)]
            await half.come.wait()
            await sandbox.stop("alpha")
            return Counter(await asyncio.gather(*asking))
    finally:
        await sidecar.stop()
        await sandbox.close()


async def _house(way: str) -> tuple[Sandbox, Sidecar]:
    generation = GenerationFactory({}, lambda path: "", PipelineTerminals(call_upstream, {})).build(
        _FILE.format(dialect=SECOND_DIALECTS[way]), "routing.yaml", 1
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


async def _asked(session: aiohttp.ClientSession, url: str, number: int, half: _Half) -> str:
    """One stream to its end, in a word; streams begin over two seconds."""
    await asyncio.sleep(number % 100 / 50)
    asked = {"model": "m", "stream": True, "messages": [{"role": "user", "content": f"{number}: {_SAID}"}]}
    headers = {"X-Provider-Preference": "alpha"}
    async with session.post(f"{url}/v1/chat/completions", json=asked, headers=headers) as answer:
        if answer.status != 200:
            return f"refused with {answer.status}"
        body = b""
        async for data in answer.content.iter_any():
            body += data
            half.count(data.count(b"data: "))
        return classify_stream(body.decode(), f"{number}: {_SAID}"[:200])


def classify_stream(body: str, heard: str) -> str:
    """Whole, told to be cut, or one of the things that must not be."""
    data = [decode(f"{frame}\n\n".encode()).data for frame in body.split("\n\n") if frame]
    chunks = [orjson.loads(each) for each in data if each and each != b"[DONE]"]
    choices = [choice for chunk in chunks for choice in chunk.get("choices", ())]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    finished = any(choice.get("finish_reason") for choice in choices)
    if text.count("Hello from") > 1 or text.count("You said") > 1:
        return "DOUBLED"
    if any("error" in chunk for chunk in chunks):
        return "ERROR AND DONE" if b"[DONE]" in data or finished else "cut, and says so"
    if b"[DONE]" not in data or not finished:
        return "TRUNCATED WITHOUT A WORD"
    providers = {chunk["provider"] for chunk in chunks}
    return f"whole, from {' and '.join(sorted(providers))}" if text.endswith(heard) else "TRUNCATED AS IF WHOLE"


def main() -> int:
    """1 if anything came that must not."""
    parser = ArgumentParser(prog="python -m bench.outage", description=__doc__)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--way", choices=SECOND_DIALECTS, default="prefill", help="how the second provider goes on")
    arguments = parser.parse_args()
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # the killed provider's own complaints
    counts = asyncio.run(run_outage(arguments.streams, arguments.way))
    for what, number in counts.most_common():
        print(f"{number:6} {what}")
    return int(any(what.isupper() for what in counts))


if __name__ == "__main__":
    sys.exit(main())
