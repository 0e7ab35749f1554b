"""`python -m bench`: the arguments, the progress, the table, the file."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import signal
import sys
import time
from pathlib import Path

from bench import report
from bench.measures import MEASURES
from bench.processes import BenchError, CpuUsage
from bench.proxies import PROXIES
from bench.run import Plan, cores, drop_unavailable, measure_ceiling, prepare_machine, run_rounds

RESULTS = Path(__file__).parent / "results"
OPEN_FILE_LIMIT = 16_384
MAX_BACKGROUND_CORES = 0.05
"""Cores that other programs may use before the numbers are called noisy."""


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """The command line's."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = ", ".join([*MEASURES, *PROXIES])
    parser.add_argument("--quick", action="store_true", help="one short round: under a minute")
    parser.add_argument("--only", type=_names, default=[], metavar="NAMES", help=f"some of: {names}; comma-separated")
    parser.add_argument("--rounds", type=_positive, help="how many (default 5; 1 if quick)")
    parser.add_argument("--seconds", type=_positive, help="length of one measurement (default 4; 2 if quick)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the results go (default: bench/results/)")
    return parser.parse_args(words)


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in MEASURES and name not in PROXIES]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}")
    return names


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def plan_from(options: argparse.Namespace) -> Plan:
    """Names limit their own kind: `--only unary` is unary of every proxy."""
    return Plan(
        measures=[name for name in MEASURES if name in options.only] or list(MEASURES),
        proxies=[name for name in PROXIES if name in options.only] or list(PROXIES),
        rounds=options.rounds or (1 if options.quick else 5),
        seconds=options.seconds or (2 if options.quick else 4),
    )


def machine_info() -> dict[str, object]:
    """What the absolute numbers hold for."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
    }


def print_progress(line: str) -> None:
    """Progress; the table alone goes to stdout."""
    print(line, file=sys.stderr, flush=True)


def main(words: list[str]) -> int:
    """The exit status: 0, 1 if something failed, 130 after Ctrl-C."""
    options = parse_arguments(words)
    todo = drop_unavailable(plan_from(options), print_progress)
    if not todo.measures or not todo.proxies:
        print_progress("nothing to measure")
        return 1
    _allow_files()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # the way that asyncio knows to end
    results: dict[str, object] = {"machine": machine_info(), "began": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    print_progress(f"{results['machine']}")
    found: list[report.Round] = []
    try:
        _go(todo, results, found)
    except BenchError as error:
        print_progress(f"FAILED  {error}")
        return 1
    except KeyboardInterrupt:
        print_progress("interrupted; the rounds that ended count")
        return 130
    finally:
        _finish(todo, options.json, results, found)
    return 1 if results["failures"] else 0


def _go(todo: Plan, results: dict[str, object], found: list[report.Round]) -> None:
    before, began = CpuUsage.now(), time.monotonic()
    try:
        _measure(todo, results, found)
    finally:
        others = CpuUsage.now().others(before) / (time.monotonic() - began)
        results["cores_used_by_others"] = round(others, 3)
        if others > MAX_BACKGROUND_CORES:
            print_progress(f"other programs used {others:.2f} of a core all the while: run it again on a quiet machine")


def _measure(todo: Plan, results: dict[str, object], found: list[report.Round]) -> None:
    with prepare_machine(print_progress) as bench:
        print_progress(f"proxy on core {bench.core}, load and providers on core {cores()[0]}")
        if "unary" in todo.measures:
            results["ceiling_requests_per_second"] = measure_ceiling(bench)
            print_progress(f"load and provider alone: {results['ceiling_requests_per_second']:,.0f} requests/s")
        results["failures"] = bench.failures
        for one in run_rounds(bench, todo):
            found.append(one)


def _finish(todo: Plan, file: Path | None, results: dict[str, object], found: list[report.Round]) -> None:
    if not found:
        return
    print(report.table(found, todo.proxies))
    print(f"\nMedians over rounds ({len(found)}); a ratio is the median of the rounds' ratios, and is what counts.")
    print("Absolute numbers are those of this machine, as it was then.")
    path = file or RESULTS / time.strftime("%Y%m%d-%H%M%S.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {"rounds": todo.rounds, "seconds": todo.seconds}
    full = {**results, "settings": settings, "summary": report.summary(found, todo.proxies), "rounds": found}
    path.write_text(json.dumps(full, indent=1) + "\n")
    print_progress(f"written: {path}")


def _allow_files() -> None:
    """Two sockets a stream in a proxy; programs started here inherit the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILE_LIMIT if hard == resource.RLIM_INFINITY else min(OPEN_FILE_LIMIT, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
