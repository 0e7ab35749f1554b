"""Other programs: started on one core, asked whether they are ready, read through /proc, and ended for sure."""

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

from bench.payloads import CHAT_PATH, UNARY_REQUEST

READY_TIMEOUT_S = 20.0
"""Seconds."""
STOP_TIMEOUT_S = 5.0
_TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """A step of the benchmark could not be carried out; the message says why."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes; `rss_bytes` counts shared pages in full, `pss_bytes` by share."""

    rss_bytes: int
    pss_bytes: int


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def run_process(command: list[str], port: int, core: int, log: Path) -> Iterator[int]:
    """The pid of `command`, pinned to `core`, once chat completions are answered at `port`; Failure if they are not."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_ready(process, port, log)
        yield process.pid
    finally:
        _end(process)


def _wait_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not _answers(port):
        if process.poll() is not None:
            raise BenchError(f"{_name(process)} ended with {process.returncode}: {_tail(log)}")
        if time.monotonic() > deadline:
            raise BenchError(f"{_name(process)} was not ready within {READY_TIMEOUT_S:.0f} s: {_tail(log)}")
        time.sleep(0.02)


def _name(process: subprocess.Popen[bytes]) -> str:
    assert isinstance(process.args, list)
    return shlex.join(process.args)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("POST", CHAT_PATH, UNARY_REQUEST, {"Content-Type": "application/json"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-500:].strip()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Its whole session: politely, then not."""
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
    """User and system time of the session that `pid` leads; ticks of 10 ms."""
    fields = [_stat(member) for member in session_pids(pid)]
    return sum(int(stat[11]) + int(stat[12]) for stat in fields) / _TICKS


@dataclass(frozen=True, slots=True)
class CpuUsage:
    """CPU seconds at a moment: of the whole machine, and of this process with what it started and has ended."""

    machine: float
    own: float

    @classmethod
    def now(cls) -> CpuUsage:
        """Read it."""
        user, nice, system, _, _, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().split()[1:9])
        spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        own = sum(usage.ru_utime + usage.ru_stime for usage in spent)
        return cls((user + nice + system + irq + softirq) / _TICKS, own)

    def others(self, earlier: CpuUsage) -> float:
        """CPU seconds that other programs have used since."""
        return max(0.0, self.machine - earlier.machine - (self.own - earlier.own))


def read_memory(pid: int) -> Memory:
    """Of the session that `pid` leads."""
    texts = [Path(f"/proc/{member}/smaps_rollup").read_text() for member in session_pids(pid)]
    rss, pss = (sum(_kilobytes(name, text) for text in texts) for name in ("Rss", "Pss"))
    return Memory(rss, pss)


def _kilobytes(name: str, text: str) -> int:
    match = re.search(rf"^{name}: +(\d+) kB$", text, re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def session_pids(pid: int) -> list[int]:
    """The processes of the session that `pid` leads: itself, and what it started."""
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
    """The fields of /proc/PID/stat from the state on (field 3); the name before them may hold spaces and brackets."""
    return text[text.rindex(")") + 1 :].split()
