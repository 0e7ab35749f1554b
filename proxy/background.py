"""Background tasks. No caller awaits them, so the failure of each is logged as its own event."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from structlog.typing import FilteringBoundLogger

_running: set[asyncio.Task[Any]] = set()
"""The event loop keeps only weak references."""


def run_in_background(
    work: Coroutine[Any, Any, Any], log: FilteringBoundLogger, event: str, **fields: Any
) -> asyncio.Task[Any]:
    """Start a task. If it fails, `event` is logged with these fields and the traceback, at once."""

    def on_done(task: asyncio.Task[Any]) -> None:
        _running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error(event, **fields, exc_info=error)

    task = asyncio.create_task(work)
    _running.add(task)
    task.add_done_callback(on_done)
    return task
