"""One run: every round goes through the measures, and each measure through the proxies, freshly started."""

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
    """What to do; `seconds` is the length of one measurement."""

    measures: list[str]
    proxies: list[str]
    rounds: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Bench:
    """What a run stands on: a directory, a core for the proxy, and the providers' ports by name."""

    directory: Path
    core: int
    upstreams: dict[str, int]
    say: PrintLine
    failures: list[str] = field(default_factory=list)


def drop_unavailable(plan: Plan, say: PrintLine) -> Plan:
    """The plan less what this machine lacks; says what is left out, and what would bring it."""
    lacking = {name: PROXIES[name].provided_by for name in plan.proxies if PROXIES[name].find() is None}
    tools = {name: MEASURES[name].tool for name in plan.measures}
    lacking |= {name: f"the Debian package {tool}" for name, tool in tools.items() if tool and not shutil.which(tool)}
    for name, brought_by in lacking.items():
        say(f"left out: {name}; {brought_by} brings what it needs")
    return Plan(
        measures=[name for name in plan.measures if name not in lacking],
        proxies=[name for name in plan.proxies if name not in lacking],
        rounds=plan.rounds,
        seconds=plan.seconds,
    )


def cores() -> tuple[int, int]:
    """One for the load and the providers, one for the proxy."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]


@contextmanager
def prepare_machine(say: PrintLine) -> Iterator[Bench]:
    """This process on the load's core with the providers running; all of it ends with the context."""
    load_core, proxy_core = cores()
    if load_core == proxy_core:
        say("only one core: load and proxy share it, and the numbers mean little")
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
    """Requests a second of the load and the provider alone, on their one core: what no proxy here can pass."""
    return wrk.run_wrk(bench.upstreams["unary"], 1, bench.directory).per_second


def run_rounds(bench: Bench, plan: Plan) -> Iterator[Round]:
    """Each round as it ends; the order of the proxies turns by one from round to round."""
    for number in range(plan.rounds):
        turn = number % max(1, len(plan.proxies))
        found: Round = {proxy: {} for proxy in plan.proxies}
        for measure in plan.measures:
            for proxy in plan.proxies[turn:] + plan.proxies[:turn]:
                values = _attempt(bench, measure, proxy, plan.seconds)
                found[proxy] |= values
                written = "  ".join(f"{name} {value:,.3f}" for name, value in values.items())
                bench.say(f"round {number + 1}/{plan.rounds}  {measure:8} {proxy:8} {written}")
        yield found


def _attempt(bench: Bench, measure: str, proxy: str, seconds: int) -> Values:
    """The values, or none if the measurement failed, which is said: the others go on."""
    try:
        return _measured(bench, measure, proxy, seconds)
    except (BenchError, StreamFailedError, OSError) as error:
        bench.failures.append(f"{measure} {proxy}: {type(error).__name__}: {error}")
        bench.say(f"FAILED  {bench.failures[-1]}")
        return {}


def _measured(bench: Bench, measure: str, proxy: str, seconds: int) -> Values:
    """A proxy of its own for each measurement, so that none inherits another's connections and memory."""
    program = PROXIES[proxy].find()
    if program is None:
        raise BenchError(f"not found; {PROXIES[proxy].provided_by} brings it")
    upstream = bench.upstreams[MEASURES[measure].upstream]
    with TemporaryDirectory(dir=bench.directory) as name:
        route = ProxyPorts(free_port(), upstream)
        command = [program, *PROXIES[proxy].write(Path(name), route)]
        with run_process(command, route.listen, bench.core, Path(name) / "output.log") as pid:
            return MEASURES[measure].run(ProxyUnderTest(pid, route.listen, upstream, Path(name)), seconds)
