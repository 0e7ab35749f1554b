"""One timer for the deadlines of all connections and requests, instead of one for each.

How: everything that waits has a `due` moment, which it may move later at any time without a call. A sweep runs at the
earliest `due`, at most once in `INTERVAL_S`, and calls `check` on everything whose moment has passed. A deadline is
therefore noticed up to `INTERVAL_S` late, and costs no timer of the event loop.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle, get_running_loop
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

INTERVAL_S = 0.05
"""The shortest time between two sweeps."""


class Watched(Protocol):
    """Something with a deadline that moves."""

    due: float
    """The next moment (`loop.time()`) at which `check` is to be called. It is inf while it waits for nothing."""

    def check(self, now: float) -> None:
        """Act on the deadlines that have passed, and set `due` to the next one."""


@dataclass(slots=True, eq=False)
class DeadlineTimer:
    """Calls `check` on what it watches, soon after its `due`."""

    _watched: set[Watched] = field(default_factory=set, init=False)
    next_sweep: float = field(default=inf, init=False)
    """When it looks at what it watches. Something watched whose `due` becomes earlier than this has to call `watch`."""
    _handle: TimerHandle | None = field(default=None, init=False)

    def watch(self, watched: Watched) -> None:
        """Start to watch. Call it again whenever `due` has become earlier than `next_sweep`."""
        self._watched.add(watched)
        if watched.due < self.next_sweep:
            self._schedule(watched.due)

    def unwatch(self, watched: Watched) -> None:
        """Stop watching. Harmless if it is not watched."""
        self._watched.discard(watched)

    def _schedule(self, due: float) -> None:
        """Sweep at that moment, but no sooner than in INTERVAL_S. A sweep that comes before is left as it is."""
        loop = get_running_loop()
        moment = max(due, loop.time() + INTERVAL_S)
        if moment < self.next_sweep:
            if self._handle is not None:
                self._handle.cancel()
            self.next_sweep = moment
            self._handle = loop.call_at(moment, self._sweep, loop)

    def _sweep(self, loop: AbstractEventLoop) -> None:
        self._handle, self.next_sweep = None, inf
        now = loop.time()
        for watched in [each for each in self._watched if each.due <= now]:
            if watched in self._watched:  # an earlier check may have ended it
                try:
                    watched.check(now)
                except Exception as error:  # noqa: BLE001 (the deadlines of all others still hold)
                    loop.call_exception_handler({"message": "a deadline's check failed", "exception": error})
        if (earliest := min([each.due for each in self._watched], default=inf)) < self.next_sweep:
            self._schedule(earliest)
