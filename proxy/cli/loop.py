"""Runs a coroutine until it is done or a signal says stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable

from proxy.descriptors import raise_limit

if sys.platform != "win32":
    from uvloop import new_event_loop
else:
    from asyncio import new_event_loop


def run(main: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    """`main`'s exit code; its event is set by SIGINT or SIGTERM, and a second one ends it at once with 1."""

    raise_limit()

    async def until_stopped() -> int:
        stopped = asyncio.Event()
        task = asyncio.current_task()
        assert task is not None

        def stop() -> None:
            if stopped.is_set():
                task.cancel()  # asked twice: no more waiting
            stopped.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        try:
            return await main(stopped)
        except asyncio.CancelledError:
            return 1

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(until_stopped())


def tune_garbage_collector() -> None:
    """What is loaded stays, so no collection need look through it (for 30 ms and more); what requests make dies unaided."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)
