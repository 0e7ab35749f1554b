"""Measures what outages cost: `make outage`.

One of three simulated providers fails, or all of them, at several rates of requests, half of them streams. The sidecar and
the providers run in this process and speak over loopback. Time is virtual (`tests.virtual_time`): what is measured is
waiting, not computing, so the results do not depend on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import resource
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import product
from statistics import fmean, median, quantiles

import aiohttp

from proxy.sandbox.scenario import Fault, Scenario
from tests import outage_report
from tests.running import RunningSidecar, run_sidecar
from tests.virtual_time import VirtualTimeLoop, virtual_clocks

RATES = (1, 10, 100)
"""Requests a second."""
LEFT_OUT = {("all silent", 100)}
"""More requests would wait at a time than a process may have descriptors for."""
WARM_UP_S, OUTAGE_S = 20.0, 60.0
FAILING = "alpha"
FILE = """
pipeline: [{access_log: off}]
providers:
  alpha: {dialect: openai, base_url: "http://127.0.0.1:1/v1", timeouts: {first_token: 30s, response: 30s}}
  bravo: {dialect: anthropic, base_url: "http://127.0.0.1:1", timeouts: {first_token: 30s, response: 30s}}
  gamma: {dialect: mistral, base_url: "http://127.0.0.1:1", timeouts: {first_token: 30s, response: 30s}}
models:
  m: {alpha: gpt-4o, bravo: claude-haiku-4-5, gamma: mistral-medium-latest}
"""
# Names of equal length, so that the simulated answers have equal length, and one provider can continue another's.
PROVIDERS = (FAILING, "bravo", "gamma")
NORMAL = Scenario(latency_s=0.5, chunk_delay_s=0.05, request_limit=100_000, token_limit=100_000_000)

Outage = Callable[[RunningSidecar], Awaitable[None]]
"""Lets providers fail until it is cancelled."""


async def _dead(running: RunningSidecar) -> None:
    await running.sandbox.stop(FAILING)


async def _silent(running: RunningSidecar) -> None:
    await running.sandbox.set_fault(FAILING, Fault("stall"))


async def _slow(running: RunningSidecar) -> None:
    await running.sandbox.set_fault(FAILING, Fault("slow", seconds=15))


async def _flapping(running: RunningSidecar) -> None:
    while True:
        await running.sandbox.stop(FAILING)
        await asyncio.sleep(3)
        await running.sandbox.restore(FAILING)
        await asyncio.sleep(7)


async def _all_dead(running: RunningSidecar) -> None:
    for name in PROVIDERS:
        await running.sandbox.stop(name)


async def _all_silent(running: RunningSidecar) -> None:
    for name in PROVIDERS:
        await running.sandbox.set_fault(name, Fault("stall"))


OUTAGES: Mapping[str, Outage] = {
    "one dead": _dead,
    "one silent": _silent,
    "one slow": _slow,
    "one flapping": _flapping,
    "all dead": _all_dead,
    "all silent": _all_silent,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request."""

    started: float
    ms: float
    stream: bool
    attempts: int
    is_complete: bool
    failed: int
    """How many providers had failed before."""


@dataclass(frozen=True, slots=True)
class Row:
    """What an outage cost at one rate."""

    outage: str
    per_second: int
    requests: int
    """Requests that began during the outage, or were running when it began."""
    lost: int
    """Of them, those without a complete answer."""
    onset_attempts: float | None
    """Attempts for each request that began before the failing providers had failed once, None without such requests."""
    attempts: float | None
    """Attempts for each later one."""
    added_ms_p50: float
    added_ms_p99: float
    """How much later than without the outage its end came, answer or error."""


async def measure(outage: str, per_second: int, seconds: float = OUTAGE_S) -> Row:
    """Run one outage at one rate."""
    with virtual_clocks():
        async with _running() as running, _session() as http:
            begins_at = asyncio.get_running_loop().time() + WARM_UP_S
            requests = await _send_until(begins_at, per_second, running, http)
            failing = asyncio.ensure_future(OUTAGES[outage](running))
            requests += await _send_until(begins_at + seconds, per_second, running, http)
            answers = await asyncio.gather(*requests)
            failing.cancel()
            await asyncio.gather(failing, return_exceptions=True)
            return _row((outage, per_second), answers, begins_at)


async def _send_until(
    end: float, per_second: int, running: RunningSidecar, http: aiohttp.ClientSession
) -> list[asyncio.Task[Answer]]:
    """Send requests at that rate until a time of the loop."""
    loop, requests = asyncio.get_running_loop(), list[asyncio.Task[Answer]]()
    while loop.time() < end:
        request = _ask(http, running, stream=len(requests) % 2 == 0)
        requests.append(asyncio.create_task(request))
        await asyncio.sleep(1 / per_second)
    return requests


@asynccontextmanager
async def _running() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(FILE, sleep=asyncio.sleep) as running:
        for name in PROVIDERS:
            await running.sandbox.set_scenario(name, NORMAL)
        yield running


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout())


async def _ask(http: aiohttp.ClientSession, running: RunningSidecar, *, stream: bool) -> Answer:
    loop = asyncio.get_running_loop()
    started, failed = loop.time(), _failed_providers(running)
    body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "Hello"}]}
    async with http.post(f"{running.url}/v1/chat/completions", json=body) as response:
        data = await response.read()
        is_complete = response.status == 200 and (not stream or data.rstrip().endswith(b"data: [DONE]"))
        attempts = int(response.headers["X-Provider-Attempts"])
    return Answer(started, (loop.time() - started) * 1000, stream, attempts, is_complete, failed)


def _failed_providers(running: RunningSidecar) -> int:
    """Return how many providers have failed so far."""
    observations = running.sidecar.handler.runtime.telemetry.observations
    records = [observations.get(target) for target in observations]
    return sum(record is not None and record.failed_at is not None for record in records)


def _row(case: tuple[str, int], answers: list[Answer], began: float) -> Row:
    before = [each for each in answers if each.started + 5 < began]
    usual = {kind: median([each.ms for each in before if each.stream is kind]) for kind in (True, False)}
    affected = [each for each in answers if each.started + each.ms / 1000 > began]
    during = [each for each in affected if each.started >= began]
    failing = len(PROVIDERS) if case[0].startswith("all") else 1
    onset = [each.attempts for each in during if each.failed < failing]
    later = [each.attempts for each in during if each.failed >= failing]
    added = [each.ms - usual[each.stream] for each in affected]
    return Row(
        *case,
        requests=len(affected),
        lost=sum(not each.is_complete for each in affected),
        onset_attempts=fmean(onset) if onset else None,
        attempts=fmean(later) if later else None,
        added_ms_p50=max(0.0, median(added)),
        added_ms_p99=max(0.0, quantiles(added, n=100)[98]),
    )


def run(outages: list[str], rates: list[int], seconds: float) -> list[Row]:
    """Run each outage at each rate."""
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # errors of the stopped providers
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # as `parrot serve` does
    rows = []
    for case in product(outages, rates):
        if case in LEFT_OUT:
            continue
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            rows.append(runner.run(measure(*case, seconds)))
        print(outage_report.line(asdict(rows[-1])), file=sys.stderr, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="make outage", description=__doc__)
    parser.add_argument("--seconds", type=float, default=OUTAGE_S, help="duration of an outage in virtual time")
    parser.add_argument("--rates", type=lambda text: [int(each) for each in text.split(",")], default=list(RATES))
    parser.add_argument("--only", choices=OUTAGES, action="append", help="one of the outages")
    parser.add_argument("--write", action="store_true", help="write the results to the documentation")
    options = parser.parse_args()
    rows = [asdict(row) for row in run(options.only or list(OUTAGES), options.rates, options.seconds)]
    print(outage_report.table(rows))
    if options.write:
        outage_report.write(rows)


if __name__ == "__main__":
    main()
