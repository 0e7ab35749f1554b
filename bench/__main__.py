"""Compare the sidecar with other proxies on this machine: runs the benchmarks, prints tables, writes JSON and a plot."""

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

from bench import plot, report
from bench.isolation import enter_own_network
from bench.measures import MEASURES
from bench.processes import BenchError, CpuUsage
from bench.proxies import PROXIES
from bench.run import (
    Plan,
    cores,
    drop_public,
    drop_unavailable,
    drop_unstartable,
    measure_ceiling,
    prepare_machine,
    run_rounds,
)

RESULTS = Path(__file__).parent / "results"
OPEN_FILE_LIMIT = 16_384
"""Soft limit of open files: a proxy needs two sockets per stream."""
MAX_BACKGROUND_CORES = 0.05
"""CPU cores used by other programs above which a warning is printed."""


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = ", ".join([*MEASURES, *PROXIES])
    parser.add_argument("--quick", action="store_true", help="one short round, in about five minutes")
    parser.add_argument("--only", type=_names, default=[], metavar="NAMES", help=f"comma-separated; some of: {names}")
    parser.add_argument("--rounds", type=_positive, help="number of rounds (default 5, with --quick 1)")
    parser.add_argument("--seconds", type=_positive, help="seconds per measurement (default 4, with --quick 2)")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="output file, with the plot next to it (default: new ones in bench/results/)",
    )
    return parser.parse_args(arguments)


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
    """Build the plan. `--only unary` limits the measures but not the proxies, and vice versa."""
    return Plan(
        measures=[name for name in MEASURES if name in options.only] or list(MEASURES),
        proxies=[name for name in PROXIES if name in options.only] or list(PROXIES),
        rounds=options.rounds or (1 if options.quick else 5),
        seconds=options.seconds or (2 if options.quick else 4),
    )


def machine_info() -> dict[str, object]:
    """Return a description of the machine, to which the absolute numbers belong."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
    }


def print_progress(line: str) -> None:
    """Print progress to stderr. Only the table goes to stdout."""
    print(line, file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Run the benchmarks and return the exit status: 0, 1 if something failed, 130 after Ctrl-C."""
    options = parse_arguments(arguments)
    plan = drop_unavailable(plan_from(options), print_progress)
    if not enter_own_network():
        plan = drop_public(plan, print_progress)
    if not plan.measures or not plan.proxies:
        print_progress("nothing to measure")
        return 1
    _raise_open_file_limit()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # asyncio handles SIGINT only
    results: dict[str, object] = {"machine": machine_info(), "started_at": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    print_progress(f"{results['machine']}")
    rounds_done: list[report.Round] = []
    try:
        _run_and_observe(plan, results, rounds_done)
    except BenchError as error:
        print_progress(f"FAILED  {error}")
        return 1
    except KeyboardInterrupt:
        print_progress("interrupted; reporting the completed rounds")
        return 130
    finally:
        _write_report(plan, options.json, results, rounds_done)
    return 1 if results["failures"] else 0


def _run_and_observe(plan: Plan, results: dict[str, object], rounds_done: list[report.Round]) -> None:
    before, started_at = CpuUsage.now(), time.monotonic()
    try:
        _measure(plan, results, rounds_done)
    finally:
        others = CpuUsage.now().others_since(before) / (time.monotonic() - started_at)
        results["cores_used_by_others"] = round(others, 3)
        if others > MAX_BACKGROUND_CORES:
            print_progress(f"other programs used {others:.2f} cores; repeat on an idle machine")


def _measure(plan: Plan, results: dict[str, object], rounds_done: list[report.Round]) -> None:
    with prepare_machine(print_progress) as bench:
        print_progress(f"proxy on core {bench.core}, load and providers on core {cores()[0]}")
        if "unary" in plan.measures:
            results["ceiling_requests_per_second"] = measure_ceiling(bench)
            print_progress(
                f"load and provider without a proxy: {results['ceiling_requests_per_second']:,.0f} requests/s"
            )
        results["failures"] = bench.failures
        plan = drop_unstartable(bench, plan)
        for one in run_rounds(bench, plan):
            rounds_done.append(one)


def _write_report(plan: Plan, file: Path | None, results: dict[str, object], rounds_done: list[report.Round]) -> None:
    if not rounds_done:
        return
    proxies = list(rounds_done[0])
    own = proxies[0]
    tables = [report.values_table(rounds_done, proxies), report.ratios_table(rounds_done, proxies)]
    if own == "sidecar":
        tables.append(report.goals_table(rounds_done, own))
    print("\n\n".join(tables))
    print(
        f"\nMedians over {len(rounds_done)} rounds; a ratio is the median of the ratios within each round. Compare those."
    )
    print("Absolute numbers are valid for this machine and this run only.")
    path = file or RESULTS / time.strftime("%Y%m%d-%H%M%S.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    full = {
        **results,
        "settings": {"rounds": plan.rounds, "seconds": plan.seconds},
        "goals": {each.goal.title: [each.value, each.reached] for each in report.results(rounds_done, own)},
        "summary": report.summary(rounds_done, proxies),
        "rounds": rounds_done,
    }
    path.write_text(json.dumps(full, indent=1) + "\n")
    path.with_suffix(".svg").write_text(plot.draw(rounds_done, proxies, _caption(results, len(rounds_done))))
    print_progress(f"written: {path} and {path.with_suffix('.svg').name}")


def _caption(results: dict[str, object], rounds: int) -> str:
    machine = results["machine"]
    assert isinstance(machine, dict)
    others = results.get("cores_used_by_others", "?")
    return (
        f"{machine['processor']}, {machine['cores']} cores, {results['started_at']}, medians of {rounds} rounds,"
        f" other programs used {others} cores"
    )


def _raise_open_file_limit() -> None:
    """Raise the soft limit of open files, which the started programs inherit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILE_LIMIT if hard == resource.RLIM_INFINITY else min(OPEN_FILE_LIMIT, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
