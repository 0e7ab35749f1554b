"""One benchmark run: in every round, each measure runs on each proxy, which is started for it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import wrk
from bench.measures import MEASURES, ProxyUnderTest, Values
from bench.payloads import OPENAI
from bench.processes import BenchError, free_port, port_number, run_process
from bench.proxies import PROXIES
from bench.proxies.plain import find_nginx, write_unary_upstream
from bench.proxies.proxy import PORT_FILE, ProxyPorts
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

    def without(self, reasons: dict[str, str], say: PrintLine) -> Plan:
        """Return the plan without the measures and proxies that are named, and print why."""
        for name, reason in reasons.items():
            say(f"skipped: {name} ({reason})")
        measures = [name for name in self.measures if name not in reasons]
        return replace(self, measures=measures, proxies=[name for name in self.proxies if name not in reasons])


@dataclass(frozen=True, slots=True)
class Bench:
    """The environment of a run: a directory, a CPU core for the proxy, and the providers' ports by name."""

    directory: Path
    core: int
    upstreams: dict[str, int]
    say: PrintLine
    failures: list[str] = field(default_factory=list)


def drop_unavailable(plan: Plan, say: PrintLine) -> Plan:
    """Return the plan without what this machine lacks, and print what is skipped and why. Installs what it can."""
    missing = {name: reason for name in plan.proxies if (reason := _reason_missing(name)) is not None}
    tools = {name: MEASURES[name].tool for name in plan.measures}
    missing |= {
        name: f"not found, install the Debian package {tool}"
        for name, tool in tools.items()
        if tool and not shutil.which(tool)
    }
    return plan.without(missing, say)


def _reason_missing(name: str) -> str | None:
    proxy = PROXIES[name]
    try:
        return None if proxy.find() else f"not found, install {proxy.provided_by}"
    except BenchError as error:
        return str(error)


def drop_public(plan: Plan, say: PrintLine) -> Plan:
    """Return the plan without proxies that would listen on all interfaces of this machine."""
    public = [name for name in plan.proxies if PROXIES[name].listens_on_all_interfaces]
    return plan.without(dict.fromkeys(public, "listens on all interfaces, and there is no network namespace"), say)


def drop_unstartable(bench: Bench, plan: Plan) -> Plan:
    """Return the plan without the peers that do not answer a first request."""
    failed = {}
    for name in plan.proxies[1:]:
        try:
            with running(bench, name, "unary"):
                pass
        except (BenchError, OSError) as error:
            failed[name] = f"did not start: {str(error).splitlines()[-1]}"
    return plan.without(failed, bench.say)


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
        command = write_unary_upstream(nginx, directory, fast)
        with run_process(command, fast, core, directory / "provider.log"):
            yield {"streams": own, "unary": fast}


def measure_ceiling(bench: Bench) -> float:
    """Return the requests per second without a proxy: the upper bound for every proxy on this machine."""
    return wrk.run_wrk(bench.upstreams["unary"], OPENAI, 1, bench.directory).per_second


def run_rounds(bench: Bench, plan: Plan) -> Iterator[Round]:
    """Yield each round when it is complete. The order of the proxies rotates from round to round."""
    for number in range(plan.rounds):
        turn = number % max(1, len(plan.proxies))
        round_values: Round = {proxy: {} for proxy in plan.proxies}
        for measure in plan.measures:
            for proxy in plan.proxies[turn:] + plan.proxies[:turn]:
                if MEASURES[measure].api(PROXIES[proxy]) is None:
                    continue
                values = _attempt(bench, measure, proxy, plan.seconds)
                round_values[proxy] |= values
                written = "  ".join(f"{name} {value:,.3f}" for name, value in values.items())
                bench.say(f"round {number + 1}/{plan.rounds}  {measure:10} {proxy:10} {written}")
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
    with running(bench, proxy, measure) as subject:
        return MEASURES[measure].run(subject, seconds)


@contextmanager
def running(bench: Bench, name: str, measure: str) -> Iterator[ProxyUnderTest]:
    """Run the proxy in front of the measure's provider until the context ends. Raises BenchError if it does not start."""
    proxy, upstream = PROXIES[name], bench.upstreams[MEASURES[measure].upstream]
    program, api = proxy.find(), MEASURES[measure].api(proxy)
    if program is None or api is None:
        raise BenchError(f"not found, install {proxy.provided_by}")
    with TemporaryDirectory(dir=bench.directory) as folder:
        directory, ports = Path(folder), ProxyPorts(free_port(), upstream)
        command = proxy.write(program, directory, ports)
        port = directory / PORT_FILE if proxy.chooses_port else ports.listen
        first_api = proxy.api.for_upstream(upstream)
        with run_process(command, port, bench.core, directory / "output.log", first_api) as pid:
            yield ProxyUnderTest(proxy, api.for_upstream(upstream), pid, port_number(port), upstream, directory)
