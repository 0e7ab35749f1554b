"""An event loop with virtual time: it advances to the next timer whenever nothing else is to do, so tests never wait.

Sockets are real. Before the time advances, the system gets a moment to deliver what was sent on loopback.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

_DELIVERY_S = 0.001
"""Real time in which data sent on loopback arrives."""


class _VirtualSelector(selectors.DefaultSelector):
    """Adds up how long it would have waited, instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.advanced_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            return super().select(None)
        ready = super().select(0) or (super().select(_DELIVERY_S) if timeout > 0 else [])
        if not ready and timeout > 0:
            self.advanced_s += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock advances from timer to timer."""

    def __init__(self) -> None:
        self._virtual_selector = _VirtualSelector()
        super().__init__(self._virtual_selector)

    def time(self) -> float:
        return 1000.0 + self._virtual_selector.advanced_s

    async def shutdown_default_executor(self, _: float | None = None) -> None:
        """Wait for the threads without a time limit, which virtual time would have reached at once."""
        await super().shutdown_default_executor()


def virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a coroutine test in a `VirtualTimeLoop`; an exception in a callback of the loop fails it."""

    @wraps(test)
    def run(*values: Any, **named: Any) -> None:
        escaped: list[BaseException] = []

        def keep(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            loop.default_exception_handler(context)
            if "exception" in context:
                escaped.append(context["exception"])

        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.get_loop().set_exception_handler(keep)
            runner.run(test(*values, **named))
        if escaped:
            raise escaped[0]

    return run


@contextmanager
def virtual_clocks() -> Iterator[None]:
    """Let a sidecar that is started in this context take both its clocks from the loop."""
    loop = asyncio.get_running_loop()
    with patch("proxy.sidecar.time", SimpleNamespace(monotonic=loop.time, time=loop.time)):
        yield
