"""Requests per second, by wrk: one thread, kept-alive connections, a POST from a generated script."""

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
    """What one run of wrk saw."""

    requests: int
    per_second: float
    failures: int
    """Socket errors, and answers other than 2xx and 3xx."""


def lua_script() -> str:
    """The Lua that makes every request the 0.9 kB POST; a long bracket needs no escapes."""
    return (
        'wrk.method = "POST"\n'
        'wrk.headers["Content-Type"] = "application/json"\n'
        'wrk.headers["Authorization"] = "Bearer sk-bench"\n'
        f"wrk.body = [==[{UNARY_REQUEST.decode()}]==]\n"
    )


def run_wrk(port: int, seconds: int, directory: Path) -> WrkResult:
    """Run it against 127.0.0.1:port; Failure if wrk fails, or any answer did."""
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
    """wrk's report; Failure if it is none."""
    requests = re.search(r"(\d+) requests in ", text)
    rate = re.search(r"Requests/sec: +([\d.]+)", text)
    if requests is None or rate is None:
        raise BenchError(f"not a report of wrk: {text[-300:]}")
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    failures = sum(map(int, errors.groups())) if errors else 0
    return WrkResult(int(requests[1]), float(rate[1]), failures + (int(refused[1]) if refused else 0))
