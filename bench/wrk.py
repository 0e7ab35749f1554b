"""Requests per second by the load generator wrk: one thread, keep-alive connections, a POST from a Lua script."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.payloads import UNARY_REQUEST, Api
from bench.processes import BenchError

CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class WrkResult:
    """Result of one run of wrk."""

    requests: int
    per_second: float
    failures: int
    """Socket errors, and responses other than 2xx and 3xx."""


def lua_script(body: bytes, headers: dict[str, str]) -> str:
    """Return the Lua script that sends the body. Long brackets need no escapes."""
    lines = [f"wrk.headers[ {_quote(name)} ] = {_quote(value)}\n" for name, value in headers.items()]
    return f'wrk.method = "POST"\n{"".join(lines)}wrk.body = {_quote(body.decode())}\n'


def _quote(text: str) -> str:
    return f"[==[{text}]==]"


def run_wrk(
    port: int, api: Api, seconds: int, directory: Path, variant: tuple[bytes, dict[str, str]] = (UNARY_REQUEST, {})
) -> WrkResult:
    """Run wrk against 127.0.0.1:port. Raises BenchError if wrk or any request fails."""
    body, headers = variant
    path = directory / "wrk.lua"
    path.write_text(lua_script(api.body(body), api.all_headers(headers)))
    command = [
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds}s",
        "-s",
        str(path),
        f"http://127.0.0.1:{port}{api.path}",
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
