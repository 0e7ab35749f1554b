"""Requests per second by the load generator wrk: one thread, keep-alive connections, a POST from a Lua script."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.payloads import CHAT_PATH, UNARY_REQUEST
from bench.processes import BenchError

CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class WrkResult:
    """Result of one run of wrk."""

    requests: int
    per_second: float
    failures: int
    """Socket errors, and responses other than 2xx and 3xx."""


def lua_script() -> str:
    """Return the Lua script that sends the 0.9 kB POST. A long bracket needs no escapes."""
    return (
        'wrk.method = "POST"\n'
        'wrk.headers["Content-Type"] = "application/json"\n'
        'wrk.headers["Authorization"] = "Bearer sk-bench"\n'
        f"wrk.body = [==[{UNARY_REQUEST.decode()}]==]\n"
    )


def run_wrk(port: int, seconds: int, directory: Path) -> WrkResult:
    """Run wrk against 127.0.0.1:port. Raises BenchError if wrk or any request fails."""
    path = directory / "wrk.lua"
    path.write_text(lua_script())
    command = [
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds}s",
        "-s",
        str(path),
        f"http://127.0.0.1:{port}{CHAT_PATH}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 20)
    if done.returncode:
        raise BenchError(f"wrk: {done.stderr.strip() or done.stdout.strip()}")
    result = parse(done.stdout)
    if result.failures:
        raise BenchError(f"{result.failures} of {result.requests} requests failed")
    return result


def parse(text: str) -> WrkResult:
    """Parse wrk's report. Raises BenchError for any other text."""
    requests = re.search(r"(\d+) requests in ", text)
    rate = re.search(r"Requests/sec: +([\d.]+)", text)
    if requests is None or rate is None:
        raise BenchError(f"unexpected output of wrk: {text[-300:]}")
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    failures = sum(map(int, errors.groups())) if errors else 0
    return WrkResult(int(requests[1]), float(rate[1]), failures + (int(refused[1]) if refused else 0))
