"""Child processes: start them on one core, wait until they are ready, read CPU and memory from /proc, stop them."""

from __future__ import annotations

import http.client
import os
import re
import resource
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.payloads import OPENAI, UNARY_REQUEST, Api

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0
_TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """A step of the benchmark failed. The message has the reason."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a process. RSS counts shared pages in full, PSS proportionally."""

    rss_bytes: int
    pss_bytes: int


def free_port() -> int:
    """Return an unused TCP port of 127.0.0.1."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def run_process(command: list[str], port: int | Path, core: int, log: Path, api: Api = OPENAI) -> Iterator[int]:
    """Run `command` pinned to `core`. Yield its pid once it answers chat completions at `port`.

    The port may be a file, in which the program writes it. Its output goes to the file `log`. Raises BenchError if the
    program does not become ready.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_ready(process, port, api, log)
        yield process.pid
    finally:
        _stop(process)


def _wait_ready(process: subprocess.Popen[bytes], port: int | Path, api: Api, log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not _is_ready(port_number(port), api):
        if process.poll() is not None:
            raise BenchError(f"{_command_line(process)} exited with status {process.returncode}: {_tail(log)}")
        if time.monotonic() > deadline:
            raise BenchError(f"{_command_line(process)} was not ready within {READY_TIMEOUT_S:.0f} s: {_tail(log)}")
        time.sleep(0.02)


def port_number(port: int | Path) -> int:
    """Return the port, or read it from a file. Return 0 while the file is missing or incomplete."""
    if isinstance(port, int):
        return port
    text = port.read_text() if port.exists() else ""
    return int(text) if text.isdigit() else 0


def _command_line(process: subprocess.Popen[bytes]) -> str:
    assert isinstance(process.args, list)
    return shlex.join(process.args)


def _is_ready(port: int, api: Api) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("POST", api.path, api.body(UNARY_REQUEST), api.all_headers({}))
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-500:].strip()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the whole session: SIGTERM, after a time SIGKILL."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def cpu_seconds(pid: int) -> float:
    """Return user and system CPU time of the session that `pid` leads, with a resolution of 10 ms."""
    fields = [_stat(member) for member in session_pids(pid)]
    return sum(int(stat[11]) + int(stat[12]) for stat in fields) / _TICKS


@dataclass(frozen=True, slots=True)
class CpuUsage:
    """CPU seconds used so far: by the whole machine, and by this process and its finished children."""

    machine: float
    own: float

    @classmethod
    def now(cls) -> CpuUsage:
        """Return the current values."""
        user, nice, system, _, _, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().split()[1:9])
        spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        own = sum(usage.ru_utime + usage.ru_stime for usage in spent)
        return cls((user + nice + system + irq + softirq) / _TICKS, own)

    def others_since(self, earlier: CpuUsage) -> float:
        """Return the CPU seconds that other programs used between `earlier` and this moment."""
        return max(0.0, self.machine - earlier.machine - (self.own - earlier.own))


def read_memory(pid: int) -> Memory:
    """Return the memory of the session that `pid` leads."""
    texts = [Path(f"/proc/{member}/smaps_rollup").read_text() for member in session_pids(pid)]
    rss, pss = (sum(_read_kb(name, text) for text in texts) for name in ("Rss", "Pss"))
    return Memory(rss, pss)


def _read_kb(name: str, text: str) -> int:
    match = re.search(rf"^{name}: +(\d+) kB$", text, re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def session_pids(pid: int) -> list[int]:
    """Return the processes of the session that `pid` leads: itself and its descendants."""
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if int(_stat(int(entry.name))[3]) == pid:
                    members.append(int(entry.name))
    return members


def _stat(pid: int) -> list[str]:
    return stat_fields(Path(f"/proc/{pid}/stat").read_text())


def stat_fields(text: str) -> list[str]:
    """Return the fields of /proc/PID/stat from the state (field 3) on.

    The process name before them may contain spaces and brackets.
    """
    return text[text.rindex(")") + 1 :].split()
