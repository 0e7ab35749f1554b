"""An event loop whose time passes only while nobody has anything to do: waiting costs nothing, and work takes no time.

Sockets are real. Before time moves, the system gets a moment to deliver what is under way on loopback."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

_MOMENT = 0.001
"""Real seconds in which whatever was sent on loopback has arrived."""


class _Leaping(selectors.DefaultSelector):
    """Instead of waiting, says how long it would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            return super().select(None)
        ready = super().select(0) or (super().select(_MOMENT) if timeout > 0 else [])
        if not ready and timeout > 0:
            self.passed += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that leaps from timer to timer."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        return 1000.0 + self._leaping.passed


def virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs a test in a loop of that kind."""

    @wraps(test)
    def run(*values: Any, **named: Any) -> None:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(test(*values, **named))

    return run


@contextmanager
def virtual_clocks() -> Iterator[None]:
    """A sidecar that is started meanwhile takes the time from the loop, on both clocks."""
    loop = asyncio.get_running_loop()
    with patch("proxy.sidecar.time", SimpleNamespace(monotonic=loop.time, time=loop.time)):
        yield
