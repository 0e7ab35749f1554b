"""One benchmark run: in every round, each measure runs on each proxy, which is started for it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import wrk
from bench.measures import MEASURES, ProxyUnderTest, Values
from bench.processes import BenchError, free_port, run_process
from bench.proxies import PROXIES, ProxyPorts, find_nginx, write_unary_upstream
from bench.report import Round
from bench.streams import StreamFailedError

PrintLine = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure. `seconds` is the length of one measurement."""

    measures: list[str]
    proxies: list[str]
    rounds: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Bench:
    """The environment of a run: a directory, a CPU core for the proxy, and the providers' ports by name."""

    directory: Path
    core: int
    upstreams: dict[str, int]
    say: PrintLine
    failures: list[str] = field(default_factory=list)


def drop_unavailable(plan: Plan, say: PrintLine) -> Plan:
    """Return the plan without what this machine lacks, and print what is skipped and what installs it."""
    missing = {name: PROXIES[name].provided_by for name in plan.proxies if PROXIES[name].find() is None}
    tools = {name: MEASURES[name].tool for name in plan.measures}
    missing |= {name: f"the Debian package {tool}" for name, tool in tools.items() if tool and not shutil.which(tool)}
    for name, provided_by in missing.items():
        say(f"skipped: {name} (not found; install {provided_by})")
    return Plan(
        measures=[name for name in plan.measures if name not in missing],
        proxies=[name for name in plan.proxies if name not in missing],
        rounds=plan.rounds,
        seconds=plan.seconds,
    )


def cores() -> tuple[int, int]:
    """Return the core for load and providers, and the core for the proxy."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]


@contextmanager
def prepare_machine(say: PrintLine) -> Iterator[Bench]:
    """Pin this process to the load's core and run the providers, until the context ends."""
    load_core, proxy_core = cores()
    if load_core == proxy_core:
        say("only one core, shared by load and proxy: the numbers mean little")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {load_core})
    try:
        with TemporaryDirectory(prefix="parrot-bench-") as name, _providers(Path(name), load_core) as upstreams:
            yield Bench(Path(name), proxy_core, upstreams, say)
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _providers(directory: Path, core: int) -> Iterator[dict[str, int]]:
    own, fast = free_port(), free_port()
    command = [sys.executable, "-m", "bench.upstream", str(own)]
    with run_process(command, own, core, directory / "provider.log"):
        nginx = find_nginx()
        if nginx is None:
            yield {"streams": own, "unary": own}
            return
        arguments = write_unary_upstream(directory, fast)
        with run_process([nginx, *arguments], fast, core, directory / "provider.log"):
            yield {"streams": own, "unary": fast}


def measure_ceiling(bench: Bench) -> float:
    """Return the requests per second without a proxy: the upper bound for every proxy on this machine."""
    return wrk.run_wrk(bench.upstreams["unary"], 1, bench.directory).per_second


def run_rounds(bench: Bench, plan: Plan) -> Iterator[Round]:
    """Yield each round when it is complete. The order of the proxies rotates from round to round."""
    for number in range(plan.rounds):
        turn = number % max(1, len(plan.proxies))
        round_values: Round = {proxy: {} for proxy in plan.proxies}
        for measure in plan.measures:
            for proxy in plan.proxies[turn:] + plan.proxies[:turn]:
                values = _attempt(bench, measure, proxy, plan.seconds)
                round_values[proxy] |= values
                written = "  ".join(f"{name} {value:,.3f}" for name, value in values.items())
                bench.say(f"round {number + 1}/{plan.rounds}  {measure:8} {proxy:8} {written}")
        yield round_values


def _attempt(bench: Bench, measure: str, proxy: str, seconds: int) -> Values:
    """Return the values. If the measurement fails, print and record the error and return none."""
    try:
        return _measure(bench, measure, proxy, seconds)
    except (BenchError, StreamFailedError, OSError) as error:
        bench.failures.append(f"{measure} {proxy}: {type(error).__name__}: {error}")
        bench.say(f"FAILED  {bench.failures[-1]}")
        return {}


def _measure(bench: Bench, measure: str, proxy: str, seconds: int) -> Values:
    """Start a new proxy for the measurement, so that no connections or memory are left from another."""
    program = PROXIES[proxy].find()
    if program is None:
        raise BenchError(f"not found; install {PROXIES[proxy].provided_by}")
    upstream = bench.upstreams[MEASURES[measure].upstream]
    with TemporaryDirectory(dir=bench.directory) as name:
        ports = ProxyPorts(free_port(), upstream)
        command = [program, *PROXIES[proxy].write(Path(name), ports)]
        with run_process(command, ports.listen, bench.core, Path(name) / "output.log") as pid:
            return MEASURES[measure].run(ProxyUnderTest(pid, ports.listen, upstream, Path(name)), seconds)
