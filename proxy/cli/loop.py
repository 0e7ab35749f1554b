"""Runs a command's coroutine until it is done or a signal stops it."""

from __future__ import annotations

import asyncio
import ctypes
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
    """Run `main` and return its exit code.

    SIGINT or SIGTERM sets the event that `main` gets. A second one cancels `main`, and the exit code is 1.
    """
    raise_limit()

    async def until_stopped() -> int:
        stopped = asyncio.Event()
        task = asyncio.current_task()
        assert task is not None

        def stop() -> None:
            if stopped.is_set():
                task.cancel()
            stopped.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        try:
            return await main(stopped)
        except asyncio.CancelledError:
            return 1

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(until_stopped())


_MMAP_THRESHOLD = -3
_LARGE_BLOCK_BYTES = 256 * 1024


def tune_allocator() -> None:
    """Have large blocks, such as bodies, returned to the system as soon as they are freed.

    By itself glibc raises the size from which it does so with each block, up to 32 MiB, and then keeps bodies in its heap.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)


def tune_garbage_collector() -> None:
    """Exclude everything loaded so far from garbage collection, and collect less often.

    A full collection takes 30 ms, and requests leave no reference cycles behind.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)
