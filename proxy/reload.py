"""Hot reload: a changed file becomes a new generation, or nothing happens and everybody is told why."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any

from structlog.typing import FilteringBoundLogger

from proxy.config.diff import diff
from proxy.config.document import ConfigError
from proxy.config.files import VALUE_WITHIN_S, call_within, read_text
from proxy.generation import Generation

INTERVAL = 1.0
"""Seconds between looks."""
SETTLING = 0.2
"""Seconds for which a changed file must stay the same: an editor may still be writing it."""
SUSPICION = 5.0
"""Seconds between two looks that refused keys may cause."""
AT_RESTART = ("listen", "admin")
"""Sections that a running sidecar cannot change."""

Stamp = tuple[int, int, int, int]
"""What a changed file cannot keep: device, inode, time and size."""
Make = Callable[[str, int], Generation]
"""A generation of a text, with a number; raises ConfigError."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reload did."""

    generation: int
    digest: str
    changes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def successful(self) -> bool:
        """Whether the file is in force."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """The outcome as a value for JSON."""
        said = {"problems": list(self.problems)} if self.problems else {"changes": list(self.changes)}
        return {"generation": self.generation, "hash": self.digest, **said}


def stamp(path: str) -> Stamp | None:
    """Of the file that the path leads to, links followed; None if there is none at this moment."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


@dataclass(slots=True)
class Reloader:
    """Keeps one file's newest good generation in force."""

    path: str
    make: Make
    current: Generation
    put: Callable[[Generation], None]
    """The one assignment."""
    log: FilteringBoundLogger
    clock: Callable[[], float] = time.monotonic
    last: Outcome = field(init=False)
    counts: Counter[str] = field(default_factory=Counter, init=False)
    """Changed files that were `applied`, and those that were `refused`."""
    _read_from: frozenset[str] = field(init=False)
    """The other files that the last attempt read, or wanted to."""
    _seen: dict[str, Stamp | None] = field(init=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _suspected: float = field(default=-inf, init=False)
    _looking: asyncio.Task[None] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.last = Outcome(self.current.number, self.current.digest)
        self._read_from = self.current.files
        self._seen = self._stamps()

    async def watch(self, sleep: Callable[[float], Any] = asyncio.sleep) -> None:
        """Look once a second, for ever."""
        while True:
            await sleep(INTERVAL)
            await self.look(sleep)

    async def look(self, sleep: Callable[[float], Any] = asyncio.sleep) -> None:
        """Reload if the file, or one it reads, has changed and stayed so for a moment."""
        async with self._turn:
            found = await asyncio.to_thread(self._stamps)
            if not self._changed(found):
                return
            await sleep(SETTLING)
            if await asyncio.to_thread(self._stamps) == found:
                await self._reload()

    async def reload(self) -> Outcome:
        """Read the file now; what is wrong with it is in the outcome and in the log, and changes nothing else."""
        async with self._turn:
            return await self._reload()

    def suspect(self) -> None:
        """A provider refused a key: read the key files again soon, changed or not, but not with every refusal."""
        now = self.clock()
        if self.current.files and now - self._suspected >= SUSPICION:
            self._suspected = now
            self._seen = {self.path: self._seen.get(self.path)}
            self._looking = asyncio.create_task(self.look())

    async def _reload(self) -> Outcome:
        before = await asyncio.to_thread(self._stamps)  # what changes while it is read is seen by the next look
        try:
            generation = await asyncio.to_thread(self._made)
        except ConfigError as error:
            self._refused(str(error).splitlines(), error.files)
        except (OSError, UnicodeDecodeError) as error:
            self._refused([f"{self.path}: {error}"])
        else:
            self._accepted(generation)
        self._seen = before
        return self.last

    def _stamps(self) -> dict[str, Stamp | None]:
        """The stamps of all files; as they were, if a file system does not respond."""
        paths = (self.path, *self._read_from)
        try:
            return call_within(VALUE_WITHIN_S, self.path, lambda: {path: stamp(path) for path in paths})
        except OSError:
            return self._seen

    def _changed(self, found: dict[str, Stamp | None]) -> bool:
        """A file that is missing is in the middle of a swap, and no change yet."""
        return any(now is not None and now != self._seen.get(path) for path, now in found.items())

    def _made(self) -> Generation:
        return self.make(read_text(self.path), self.current.number + 1)

    def _accepted(self, generation: Generation) -> None:
        self._read_from = generation.files
        healed = not self.last.successful
        self.last = Outcome(self.current.number, self.current.digest)
        if generation.digest != self.current.digest:
            self._swap(generation)
        elif healed:
            self.log.info("routing_healed", in_force=self.current.number)

    def _swap(self, generation: Generation) -> None:
        changes = diff(self.current.root, generation.root) or ["no setting; a comment, or a key file"]
        changes = [f"{change} (at restart)" if change.startswith(AT_RESTART) else change for change in changes]
        self.current = generation
        self.put(generation)
        self.counts["applied"] += 1
        self.last = Outcome(generation.number, generation.digest, tuple(changes))
        self.log.info("routing_reloaded", generation=generation.number, hash=generation.digest, changes=changes)

    def _refused(self, problems: list[str], files: frozenset[str] = frozenset()) -> None:
        self._read_from = self.current.files | files
        self.last = Outcome(self.current.number, self.current.digest, problems=tuple(problems))
        self.counts["refused"] += 1
        self.log.error("routing_refused", in_force=self.current.number, problems=problems)
