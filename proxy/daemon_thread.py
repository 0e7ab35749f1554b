"""Runs a call that may block for long on a thread that does not keep the process from exiting."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


async def call_on_daemon_thread(call: Callable[[], T]) -> T:
    """Return the result of `call`, or raise its exception. Raises OSError if no thread can be started.

    The loop's own threads would be waited for when it is closed. If this coroutine is cancelled, the thread goes on alone.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(value)  # type: ignore[arg-type]

    def run() -> None:
        value, failure = None, None
        try:
            value = call()
        except BaseException as error:  # noqa: BLE001 (raised in the coroutine)
            failure = error
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, value, failure)

    try:
        Thread(target=run, daemon=True).start()
    except RuntimeError:
        raise OSError(errno.ENOMEM, "no thread could be started") from None
    return await result
