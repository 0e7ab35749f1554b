"""Check of the memory limit that the Kubernetes manifests set: the sidecar runs under it, with more load than it can hold."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from deploy.check.image import install
from deploy.check.outcome import ROOT, WORK, CheckFailedError, SkippedError

_PATCH = ROOT / "deploy" / "kubernetes" / "sidecar" / "pod-template.yaml"
_CGROUPS = Path("/sys/fs/cgroup")
_LIMIT_FILES = {"memory.max": _CGROUPS, "memory.limit_in_bytes": _CGROUPS / "memory"}
"""Of version 2 and of version 1, with the folder in which a container finds it."""
_ROUTING = """
providers: {{a: {{dialect: openai, base_url: "http://127.0.0.1:{port}/v1"}}}}
models: {{m: {{a: m}}}}
"""
_ROUNDS = 8
_CLIENTS = 48
_BODY_BYTES = 2 * 2**20
_TIMEOUT_S = 60


def check_memory() -> str:
    """Send many large requests at once. Those that find no room get a 503, and the process stays under the limit."""
    limit = _limit()
    with (
        _provider() as provider,
        _control_group(limit) as (group, folder),
        _sidecar(group, folder, provider.server_port) as process,
    ):
        statuses = _load(_url(process), provider)
        peak = _peak_bytes(process.pid)
    if statuses.keys() != {200, 503}:
        raise CheckFailedError(f"expected some 200 and some 503, got {dict(statuses)}")
    if peak > limit:
        raise CheckFailedError(f"{peak / 2**20:.0f} MiB resident, over the limit of {limit / 2**20:.0f}")
    return f"{peak / 2**20:.0f} of {limit / 2**20:.0f} MiB, {statuses[200]} responses and {statuses[503]} times 503"


def _limit() -> int:
    pod = yaml.safe_load(_PATCH.read_text())["spec"]["template"]["spec"]
    (container,) = pod["initContainers"]
    return int(container["resources"]["limits"]["memory"].removesuffix("Mi")) * 2**20


@contextmanager
def _control_group(limit: int) -> Iterator[tuple[Path, Path]]:
    """Create a control group with a memory limit. Yields it, and the folder where a container has its own."""
    group, folder = _create_group(limit)
    try:
        yield group, folder
    finally:
        group.rmdir()


def _create_group(limit: int) -> tuple[Path, Path]:
    for name, folder in _LIMIT_FILES.items():
        group = folder / f"parrot-check-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        if (group / name).exists():
            (group / name).write_text(str(limit))
            return group, folder
        group.rmdir()
    raise SkippedError("needs to create control groups with a limit of memory, as root")


@contextmanager
def _sidecar(group: Path, folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run the sidecar in the control group, which it sees as a container sees its own."""
    if shutil.which("unshare") is None:
        raise SkippedError("needs unshare (package util-linux)")
    file = WORK / "memory" / "routing.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_ROUTING.format(port=port))
    enter = f'echo $$ > {group}/cgroup.procs && mount --bind {group} {folder} && exec "$@"'
    serve = (install(), "serve", file, "--port", "0", "--admin-port", "0")
    argv = ("unshare", "--mount", "sh", "-euc", enter, "sh", *serve)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def _url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    found = re.search(r"listening on (http://[\d.:]+)", process.stdout.readline())
    if found is None:
        raise CheckFailedError("the sidecar has not started")
    return found[1]


def _load(url: str, provider: _Provider) -> Counter[int]:
    """Send many requests at once, again and again, and count the statuses. 0 is a connection that failed."""

    def ask(_: int) -> int:
        status = _ask(url)
        if status == 503:
            provider.may_answer.set()
        return status

    statuses: Counter[int] = Counter()
    with ThreadPoolExecutor(_CLIENTS) as pool:
        for _ in range(_ROUNDS):
            provider.may_answer.clear()
            statuses.update(pool.map(ask, range(_CLIENTS)))
    return statuses


def _ask(url: str) -> int:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * _BODY_BYTES}]})
    connection = HTTPConnection(urlsplit(url).netloc, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
        with connection.getresponse() as response:
            response.read()
            return response.status
    except OSError:
        return 0
    finally:
        connection.close()


def _peak_bytes(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    if found is None:
        raise CheckFailedError("the sidecar was killed for its use of memory")
    return int(found[1]) * 1024


class _Provider(ThreadingHTTPServer):
    """Answers when the sidecar has no room for a further request, so that it is full."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.may_answer = threading.Event()


class _Answer(BaseHTTPRequestHandler):
    server: _Provider

    def do_POST(self) -> None:
        """Answer a chat."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.may_answer.wait(_TIMEOUT_S / 2)
        message = {"role": "assistant", "content": "x" * 100_000}
        body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def _provider() -> Iterator[_Provider]:
    with _Provider() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
