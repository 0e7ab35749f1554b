"""A call on a daemon thread returns or raises as it would here, and never keeps the process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from proxy.daemon_thread import call_on_daemon_thread
from tests.source import ROOT


async def test_the_result_is_returned() -> None:
    assert await call_on_daemon_thread(lambda: threading.current_thread().daemon) is True


async def test_an_exception_is_raised() -> None:
    with pytest.raises(KeyError, match="lost"):
        await call_on_daemon_thread(lambda: {}["lost"])


async def test_a_cancelled_call_ends_alone() -> None:
    proceed = threading.Event()
    task = asyncio.create_task(call_on_daemon_thread(proceed.wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    proceed.set()


async def test_without_a_thread_it_is_an_error_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    with pytest.raises(OSError, match="no thread could be started"):
        await call_on_daemon_thread(lambda: 1)


HANGING = """
import asyncio, threading
from proxy.cli.loop import run
from proxy.upstream.http1 import resolver

async def main(stopped):
    resolver.socket.getaddrinfo = lambda *args, **kwargs: threading.Event().wait()
    asyncio.ensure_future(resolver.system_lookup("name.test", 443))
    await asyncio.sleep(0)
    return 0

raise SystemExit(run(main))
"""


def test_a_name_lookup_that_hangs_does_not_keep_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", HANGING], cwd=ROOT, timeout=50, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
